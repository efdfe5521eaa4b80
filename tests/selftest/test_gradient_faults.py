"""A slope that is off is found in every documented activation."""

import pytest

from reference.activations import ACTIVATIONS
from tests.harness import drawing, layer
from tests.harness.compare import Mismatch
from tests.harness.gradients import assert_backward_steps, probed, run
from tests.harness.paths import EAGER
from tests.harness.releases import documented_activations

CHOICES = {
    "batch": (8,),
    "time": (2,),  # over many steps exponential grows beyond what has a bound
    "features": (3,),
    "units": (4,),
    "large": (None,),
    "dtype": ("float32",),
    "mask": (None, "random"),
}


@pytest.fixture
def slopes_off():
    before = layer.under_test().name
    layer.select("tests.selftest.faults_gradients:SlopeOff")
    yield
    layer.select(before)


@pytest.mark.parametrize("name", [None, *documented_activations(ACTIVATIONS)], ids=str)
def test_a_slope_off_by_1e_4_is_found(slopes_off, name):
    choices = drawing.replaced({**CHOICES, "activation": (name,)})
    (case,) = drawing.covering(choices, ("activation",))
    case = probed(case)
    with pytest.raises(Mismatch):
        assert_backward_steps(*run(EAGER, case), case)
