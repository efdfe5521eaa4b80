"""Every fault makes the properties fail that it names, and no others."""

import pytest

from tests.harness import layer
from tests.harness.properties import all_properties
from tests.selftest.faults import FAULTS
from tests.selftest.faults_gradients import GRADIENT_FAULTS

ONE_PATH = "eager or unroll and (unrolled_and_cell or jacobian) or lesson"
"""Each property once, on the first path that it knows: the layer is wrong here, not a path."""


class Outcomes:
    """A plugin that notes which tests of a run passed and which failed."""

    def __init__(self):
        self.passed, self.failed = set(), set()

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.outcome != "skipped":
            name = report.nodeid.rsplit("::", 1)[-1].split("[")[0]
            (self.failed if report.failed else self.passed).add(name)


def verify(name: str, *files: str, where: str = ONE_PATH) -> Outcomes:
    """Run the properties, of some files or all, as a user would, on the layer of that name."""
    before, outcomes = layer.under_test().name, Outcomes()
    options = ["--hypothesis-profile=faults", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
    try:
        pytest.main(
            [*(files or ["tests"]), "-k", where, "--layer", name, *options], plugins=[outcomes]
        )
    finally:
        layer.select(before)
    return outcomes


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.layer.split(":")[-1])
def test_a_fault_is_found_by_the_properties_it_names_and_no_others(fault):
    outcomes = verify(fault.layer)
    assert sorted(outcomes.failed) == sorted(fault.breaks)


def test_the_layer_itself_passes_what_the_faults_fail():
    outcomes = verify(layer.DEFAULT)
    assert not outcomes.failed
    assert outcomes.passed


def test_every_property_has_a_fault():
    broken = {name for fault in FAULTS + GRADIENT_FAULTS for name in fault.breaks}
    assert not all_properties().keys() - broken
