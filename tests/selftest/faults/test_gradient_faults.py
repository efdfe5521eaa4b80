"""A wrong slope is detected in every documented activation."""

import pytest

from reference.activations import ACTIVATIONS
from tests.harness.cases import corners, plans
from tests.harness.compare.assertions import Mismatch
from tests.harness.paths.execution import EAGER
from tests.harness.probes.gradients import assert_backward_steps, run, with_probe_features
from tests.harness.target import layer
from tests.harness.target.releases import documented_activations

CHOICES = {
    "batch": (8,),
    "time": (2,),  # over more steps, exponential overflows, and the bound is infinite
    "features": (3,),
    "units": (4,),
    "large": (None,),
    "dtype": ("float32",),
    "mask": (None, "random"),
}


@pytest.fixture
def slopes_off():
    before = layer.under_test().name
    layer.select("tests.selftest.faults.gradients:SlopeSlightlyWrong")
    yield
    layer.select(before)


@pytest.mark.parametrize("name", [None, *documented_activations(ACTIVATIONS)], ids=str)
def test_slope_error_of_1e_4_is_detected(slopes_off, name):
    choices = plans.narrowed_choices({**CHOICES, "activation": (name,)})
    (case,) = corners.crossed_cases(choices, ("activation",))
    case = with_probe_features(case)
    with pytest.raises(Mismatch):
        assert_backward_steps(*run(EAGER, case), case)
