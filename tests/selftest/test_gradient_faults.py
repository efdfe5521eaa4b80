"""Every fault of a gradient is found, and a slope that is off in every documented activation."""

import pytest

from reference.activations import ACTIVATIONS
from tests.harness import drawing, layer
from tests.harness.compare import Mismatch
from tests.harness.gradients import assert_backward_steps, probed, run
from tests.harness.paths import EAGER
from tests.harness.releases import documented_activations
from tests.selftest.faults_gradients import GRADIENT_FAULTS
from tests.selftest.test_faults import verify

FILES = ("tests/test_gradients.py", "tests/test_outputs.py")
"""The faults are right forwards."""

CHOICES = {"batch": (8,), "large": (None,), "dtype": ("float32",)}


@pytest.fixture
def slopes_off():
    before = layer.under_test().name
    layer.select("tests.selftest.faults_gradients:SlopeOff")
    yield
    layer.select(before)


@pytest.mark.parametrize("name", [None, *documented_activations(ACTIVATIONS)], ids=str)
def test_a_slope_off_by_1e_4_is_found(slopes_off, name):
    (case,) = drawing.covering({**CHOICES, "activation": (name,)}, (), ("activation",)).values()
    case = probed(case)
    with pytest.raises(Mismatch):
        assert_backward_steps(*run(EAGER, case), case)


@pytest.mark.parametrize("fault", GRADIENT_FAULTS, ids=lambda f: f.layer.split(":")[-1])
def test_a_fault_of_a_gradient_is_found_by_the_properties_it_names_and_no_others(fault):
    outcomes = verify(fault.layer, *FILES)
    assert sorted(outcomes.failed) == sorted(fault.breaks)


def test_a_truncated_gradient_fails_all_training_but_that_of_frozen_weights():
    outcomes = verify(
        "tests.selftest.faults_gradients:Truncated", "tests/test_training.py", where=""
    )
    assert outcomes.passed == {"test_frozen_weights_stay_as_they_were"}
    assert len(outcomes.failed) > 6
