"""Each planted fault fails exactly the properties that it names."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.harness import session
from tests.harness.cases.case import evaluate_case_text
from tests.harness.knowledge import deviations
from tests.harness.properties.registry import all_properties
from tests.harness.target import layer
from tests.harness.target.releases import tf
from tests.selftest.faults.arguments import ARGUMENT_FAULTS
from tests.selftest.faults.cells import CELL_FAULTS
from tests.selftest.faults.gradients import GRADIENT_FAULTS
from tests.selftest.faults.initializers import INITIALIZER_FAULTS
from tests.selftest.faults.layer import FAULTS
from tests.selftest.faults.masking import MASKING_FAULTS
from tests.selftest.faults.models import MODEL_FAULTS
from tests.selftest.faults.models_and_masks import FAULTS_AROUND
from tests.selftest.faults.performance import TIMING_FAULTS
from tests.selftest.faults.randomness import STATISTICAL_FAULTS
from tests.selftest.faults.rnn import RNN_FAULTS
from tests.selftest.faults.state import STATE_FAULTS
from tests.selftest.faults.training import TRAINING_FAULTS
from tests.selftest.faults.wrappers import WRAPPER_FAULTS
from tests.selftest.programs import ROOT

ALL_FAULTS = (
    *FAULTS,
    *FAULTS_AROUND,
    *MASKING_FAULTS,
    *ARGUMENT_FAULTS,
    *CELL_FAULTS,
    *RNN_FAULTS,
    *GRADIENT_FAULTS,
    *STATISTICAL_FAULTS,
    *TIMING_FAULTS,
    *WRAPPER_FAULTS,
    *INITIALIZER_FAULTS,
    *TRAINING_FAULTS,
    *MODEL_FAULTS,
    *STATE_FAULTS,
)


class Outcomes:
    """A pytest plugin that records passed and failed properties, and the cases that failed.

    on_every_path: whether a property runs on its other paths after it has failed on one.
    """

    def __init__(self, on_every_path: bool = False):
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self.cases: list[str] = []
        self.on_every_path = on_every_path

    def pytest_runtest_setup(self, item):
        if not self.on_every_path and name_of(item.nodeid) in self.failed:
            pytest.skip("the property has failed on another path")

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.outcome != "skipped":
            name = name_of(report.nodeid)
            (self.failed if report.failed else self.passed).add(name)
            self.cases += re.findall(r"^  case = (Case\(.*\))$", str(report.longrepr), re.MULTILINE)


def name_of(nodeid: str) -> str:
    return nodeid.rsplit("::", 1)[-1].split("[")[0]


def verify(
    name: str, properties: Iterable[str], small: bool = False, more: Iterable[str] = ()
) -> Outcomes:
    """Run the properties on the layer of that name, with pytest, and return their outcomes.

    small: whether to shrink failing cases, on every path. more: further options.
    """
    before, outcomes = layer.under_test().name, Outcomes(on_every_path=small)
    chosen = [f"{file_of(prop)}::{prop}" for prop in properties]
    profile = (
        ["--hypothesis-profile=ci", "--examples=16"] if small else ["--hypothesis-profile=faults"]
    )
    options = [*profile, f"--hypothesis-seed={session.current().seed}"]
    options += ["-p", "no:cacheprovider", "--no-header", "--tb=no"]
    try:
        pytest.main([*chosen, "--layer", name, *options, *more], plugins=[outcomes])
    finally:
        layer.select(before)
    return outcomes


def file_of(name: str) -> Path:
    """Return the file that defines the test of that name."""
    files = ROOT.glob("tests/*/test_*.py")
    return next(file for file in files if f"def {name}(" in file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("fault", ALL_FAULTS, ids=str)
def test_fault_is_detected_by_its_properties(fault):
    if not fault.applies:
        pytest.skip(f"a fault of Keras {fault.keras}")
    with fault.plant():
        outcomes = verify(fault.layer, fault.detected_by)
    assert sorted(outcomes.failed) == sorted(fault.detected_by)


WHERE_CLASSES_ARE_LOOKED_UP = (
    "test_copied_layer_matches_the_reference",
    "test_copied_wrapper_matches_the_original",
    "test_each_argument_is_kept",
    "test_bidirectional_runs_and_merges_both_directions",
    "test_bidirectional_computes_its_output_shapes",
)


def test_correct_custom_layer_passes_class_lookups():
    outcomes = verify(f"{__name__}:Same", WHERE_CLASSES_ARE_LOOKED_UP)
    assert outcomes.passed == set(WHERE_CLASSES_ARE_LOOKED_UP)
    assert not outcomes.failed


class Same(tf.keras.layers.SimpleRNN):
    """TensorFlow's layer as a custom class, which Keras does not know."""


SMALLEST = {
    "Transposed": (1, 1, 1, 2),
    "StateDelayedByOneStep": (1, 2, 1, 1),
    "RepeatsFirstRow": (2, 1, 1, 1),
    "ActivatesOnlyTheLastStep": (1, 1, 1, 1),
}
"""Batch, time, features and units of the smallest case that fails, by fault."""


@pytest.mark.parametrize("name", SMALLEST)
def test_failing_case_shrinks_to_the_smallest(name):
    found = verify(
        f"tests.selftest.faults.layer:{name}",
        ["test_outputs_are_exact_on_integers"],
        small=True,
    )
    cases = [evaluate_case_text(text) for text in found.cases]
    sizes = np.array([(c.batch, c.time, c.features, c.units) for c in cases])
    assert (sizes == SMALLEST[name]).all(axis=1).any()


def test_every_property_has_a_fault_or_deviation():
    broken = {name for fault in ALL_FAULTS for name in fault.detected_by}
    broken |= {deviation.shown_by for deviation in deviations.load()}
    assert not all_properties().keys() - broken
