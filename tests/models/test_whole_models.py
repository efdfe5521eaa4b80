"""Whole models, saved in each documented way and read in a new process."""

import itertools
import tempfile

import pytest

from tests.harness.compare.runs import assert_exact
from tests.harness.probes.processes.own_process import in_own_process
from tests.harness.probes.processes.whole_models import MODELS, WAYS, cases_of, read, save
from tests.harness.properties.example import example, usual
from tests.harness.target.calls import layer_call

USUAL = (
    ("keras", "embedding"),
    ("h5", "masking"),
    ("weights", "custom-cell"),
    ("checkpoint", "constant-state"),
    ("export", "embedding"),
    ("signatures", "masking"),
)


@pytest.mark.parametrize(("way", "model"), usual(USUAL, tuple(itertools.product(WAYS, MODELS))))
@example(
    "Model",
    "save: ... Thus models can be reinstantiated in the exact same state.",
    needs={"cell", "return_sequences", "return_state"},
)
def test_saved_model_is_exact_in_new_process(way, model):
    cases = cases_of(model)
    with tempfile.TemporaryDirectory() as folder:
        with layer_call():
            save(way, model, cases[0], folder)
        runs = in_own_process(read, way, model, cases, folder)
    for run, case in zip(runs, cases, strict=True):
        assert_exact(run, case)
