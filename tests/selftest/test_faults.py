"""Every fault makes the properties fail that it names, and no others."""

import pytest

from tests.harness import deviations, layer
from tests.harness.properties import all_properties
from tests.selftest.faults import FAULTS
from tests.selftest.faults_laws import LAW_FAULTS

ONE_PATH = "eager or unroll and unrolled_and_cell or lesson"
"""Each property once, on the first path that it knows: the layer is wrong here, not a path."""


class Outcomes:
    """A plugin that notes which tests of a run passed and which failed."""

    def __init__(self):
        self.passed, self.failed = set(), set()

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.outcome != "skipped":
            name = report.nodeid.rsplit("::", 1)[-1].split("[")[0]
            (self.failed if report.failed else self.passed).add(name)


def verify(name: str, files: str = "tests", which: str = "not law") -> Outcomes:
    """Run those properties, as a user would, on the layer of that name."""
    before, outcomes = layer.under_test().name, Outcomes()
    options = ["--hypothesis-profile=faults", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
    try:
        chosen = [files, "-m", which, "-k", ONE_PATH, "--layer", name]
        pytest.main([*chosen, *options], plugins=[outcomes])
    finally:
        layer.select(before)
    return outcomes


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.layer)
def test_a_fault_is_found_by_the_properties_it_names_and_no_others(fault):
    outcomes = verify(f"tests.selftest.faults:{fault.layer}")
    assert sorted(outcomes.failed) == sorted(fault.breaks)


@pytest.mark.parametrize("fault", LAW_FAULTS, ids=lambda f: f.layer)
def test_a_fault_of_what_is_drawn_is_found_by_the_laws_it_names_and_no_others(fault):
    name, file = f"tests.selftest.faults_laws:{fault.layer}", f"tests/test_{fault.subject}.py"
    outcomes = verify(name, file, "law")
    assert sorted(outcomes.failed - set(fault.may_break)) == sorted(fault.breaks)


@pytest.mark.parametrize("which", ["law", "not law"])
def test_the_layer_itself_passes_what_the_faults_fail(which):
    outcomes = verify(layer.DEFAULT, which=which)
    assert not outcomes.failed
    assert outcomes.passed


def test_every_property_has_a_fault():
    broken = {name for fault in (*FAULTS, *LAW_FAULTS) for name in fault.breaks}
    broken |= {deviation.shown_by for deviation in deviations.active()}  # a fault of TensorFlow's
    assert not all_properties().keys() - broken
