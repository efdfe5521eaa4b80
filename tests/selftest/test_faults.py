"""Every fault makes the properties fail that it names."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.harness import deviations, layer, session
from tests.harness.cases import evaluated
from tests.harness.properties import all_properties
from tests.harness.releases import tf
from tests.selftest.faults import FAULTS
from tests.selftest.faults_arguments import ARGUMENT_FAULTS
from tests.selftest.faults_around import FAULTS_AROUND
from tests.selftest.faults_cells import CELL_FAULTS
from tests.selftest.faults_gradients import GRADIENT_FAULTS
from tests.selftest.faults_initializers import INITIALIZER_FAULTS
from tests.selftest.faults_laws import LAW_FAULTS
from tests.selftest.faults_rnn import RNN_FAULTS
from tests.selftest.faults_timing import TIMING_FAULTS
from tests.selftest.faults_wrappers import WRAPPER_FAULTS

TESTS = Path(__file__).parents[1]
EVERY = (
    *FAULTS,
    *FAULTS_AROUND,
    *ARGUMENT_FAULTS,
    *CELL_FAULTS,
    *RNN_FAULTS,
    *GRADIENT_FAULTS,
    *LAW_FAULTS,
    *TIMING_FAULTS,
    *WRAPPER_FAULTS,
    *INITIALIZER_FAULTS,
)


class Outcomes:
    """A plugin that notes which properties failed in a run, on any path, and on which cases."""

    def __init__(self, on_every_path: bool = False):
        self.passed, self.failed, self.cases = set(), set(), []
        self.on_every_path = on_every_path

    def pytest_runtest_setup(self, item):
        if not self.on_every_path and name_of(item.nodeid) in self.failed:
            pytest.skip("it has failed on another path")

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.outcome != "skipped":
            name = name_of(report.nodeid)
            (self.failed if report.failed else self.passed).add(name)
            self.cases += re.findall(r"^  case = (Case\(.*\))$", str(report.longrepr), re.MULTILINE)


def name_of(nodeid: str) -> str:
    return nodeid.rsplit("::", 1)[-1].split("[")[0]


def verify(name: str, properties: Iterable[str], small: bool = False) -> Outcomes:
    """Run those properties, as a user would, on the layer of that name. small: whether to make what
    fails small, on every path."""
    before, outcomes = layer.under_test().name, Outcomes(on_every_path=small)
    chosen = [f"{file_of(prop)}::{prop}" for prop in properties]
    profile = (
        ["--hypothesis-profile=ci", "--examples=16"] if small else ["--hypothesis-profile=faults"]
    )
    options = [*profile, f"--hypothesis-seed={session.current().seed}"]
    options += ["-p", "no:cacheprovider", "--no-header", "--tb=no"]
    try:
        pytest.main([*chosen, "--layer", name, *options], plugins=[outcomes])
    finally:
        layer.select(before)
    return outcomes


def file_of(prop: str) -> Path:
    """The file that holds the test of that name."""
    files = sorted(TESTS.glob("test_*.py"))
    return next(file for file in files if f"def {prop}(" in file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("fault", EVERY, ids=str)
def test_a_fault_is_found_by_the_properties_it_names(fault):
    if not fault.applies:
        pytest.skip(f"a fault of Keras {fault.keras}")
    with fault.plant():
        outcomes = verify(fault.layer, fault.breaks)
    assert sorted(outcomes.failed) == sorted(fault.breaks)


WHERE_CLASSES_ARE_LOOKED_UP = (
    "test_a_copy_of_the_layer_gives_what_the_layer_gives",
    "test_a_copy_of_a_wrapper_gives_what_the_wrapper_gives",
    "test_an_argument_is_kept",
    "test_bidirectional_runs_both_ways_and_merges",
    "test_shapes_are_computed_for_both_directions",
)


def test_a_right_layer_of_ones_own_is_found_right_wherever_its_class_is_looked_up():
    outcomes = verify(f"{__name__}:Same", WHERE_CLASSES_ARE_LOOKED_UP)
    assert outcomes.passed == set(WHERE_CLASSES_ARE_LOOKED_UP)
    assert not outcomes.failed


class Same(tf.keras.layers.SimpleRNN):
    """TensorFlow's own layer, by another name that Keras does not know."""


SMALLEST = {
    "Transposed": (1, 1, 1, 2),
    "StateOneStepLate": (1, 2, 1, 1),
    "FirstRowOnly": (2, 1, 1, 1),
    "ActivationOfTheLastValueOnly": (1, 1, 1, 1),
}
"""Batch, time, features and units of the smallest case that shows the fault."""


@pytest.mark.parametrize("name", SMALLEST)
def test_hypothesis_ends_on_the_smallest_case(name):
    found = verify(
        f"tests.selftest.faults:{name}", ["test_integers_give_the_recurrence_exactly"], small=True
    )
    cases = [evaluated(text) for text in found.cases]
    sizes = np.array([(c.batch, c.time, c.features, c.units) for c in cases])
    assert (sizes == SMALLEST[name]).all(axis=1).any()


def test_every_property_has_a_fault_or_a_release_that_shows_it():
    broken = {name for fault in EVERY for name in fault.breaks}
    broken |= {deviation.shown_by for deviation in deviations.load()}
    assert not all_properties().keys() - broken
