"""A layer passes with the arithmetic that it has, and fails with a sharper one."""

import pytest

from tests.harness.target.arithmetic import arithmetics
from tests.harness.target.releases import KERAS_2
from tests.selftest.faults.test_faults import verify

PROPERTIES = (
    "test_each_step_is_within_rounding_of_the_recurrence",
    "test_outputs_are_exact_on_integers",
    "test_each_backward_step_is_within_rounding",
)
FORWARD, EXACT, BACKWARD = PROPERTIES
LAYERS = "tests.selftest.faults.arithmetics"
FLOATS = {FORWARD, BACKWARD}

pytestmark = pytest.mark.skipif(KERAS_2, reason="the cells are those of Keras 3")


def declared(*names: str) -> list[str]:
    return [f"--arithmetic={name}" for name in names]


@pytest.mark.parametrize(
    ("layer", "names", "properties"),
    [
        (f"{LAYERS}:TF32", ["tf32"], {*PROPERTIES}),
        (f"{LAYERS}:HalfSums", ["half-sums"], {FORWARD, EXACT}),
        (f"{LAYERS}:Backwards", [], {*PROPERTIES}),
        ("tf.keras.layers:SimpleRNN", ["subnormals-flushed"], {FORWARD}),
    ],
)
def test_layer_passes_with_its_arithmetic(layer, names, properties):
    outcomes = verify(layer, sorted(properties), more=declared(*names))
    assert (outcomes.failed, outcomes.passed) == (set(), properties), outcomes.cases


@pytest.mark.parametrize(
    ("layer", "names", "failing"),
    [
        (f"{LAYERS}:TF32", ["ieee"], {*PROPERTIES}),
        (f"{LAYERS}:HalfSums", ["float32-sums"], FLOATS),
        # TensorFlow's threads flush subnormal numbers on a CPU.
        ("tf.keras.layers:SimpleRNN", ["subnormals-kept"], {FORWARD}),
    ],
)
def test_layer_fails_with_a_sharper_arithmetic(layer, names, failing):
    if "half-sums" in {arithmetics()[dtype].name for dtype in ("float16", "bfloat16")}:
        pytest.skip("TensorFlow's own kernels add in a half type")
    outcomes = verify(layer, sorted(failing), more=declared(*names))
    assert outcomes.failed == failing
