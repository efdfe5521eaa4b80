"""The weights: their order, shapes and names, and the promises of the default initializers."""

import numpy as np

from reference.initializers import LAPACK_THRESHOLD, glorot_excess, orthogonality_residual
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.paths.execution import EAGER
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.calls import layer_call

BUILT = {"large": (None, None, "units", "features", "units", "features")}
PRECISE = {**BUILT, "dtype": ("float32", "float64")}


def _initial_weights(case):
    """Return the weights of a new layer with default initializers, in the order of get_weights."""
    with layer_call():
        made = layer.under_test().build(
            case.units, case.features, **case.options(layer.under_test().features)
        )
    return [np.asarray(w, np.float64) for w in made.get_weights()]


@generated(
    "SimpleRNN",
    "kernel weights matrix, used for the linear transformation of the inputs; recurrent_kernel "
    "weights matrix, used for the linear transformation of the recurrent state; bias vector",
    choices=BUILT,
    paths=(EAGER,),
)
def test_weights_have_documented_order_and_shapes(case, path):
    expected = [(case.features, case.units), (case.units, case.units), (case.units,)]
    shapes = [w.shape for w in _initial_weights(case)]
    if shapes != expected[: 2 + (case.bias is not None)]:
        raise Mismatch(f"weights: expected shapes {expected}, got {shapes}")


@example(
    "SimpleRNN",
    "kernel_initializer: Initializer for the `kernel` weights matrix ... recurrent_initializer: "
    "Initializer for the `recurrent_kernel` weights matrix ... Initializer for the bias vector.",
    needs={"documented signature"},
)
def test_weights_have_the_documented_names():
    with layer_call():
        weights = layer.under_test().build(2, 3).weights
    names = [weight.name.split("/")[-1].removesuffix(":0") for weight in weights]
    if names != (expected := ["kernel", "recurrent_kernel", "bias"]):
        raise Mismatch(f"names of the weights: expected {expected}, got {names}")


@generated(
    "GlorotUniform",
    "Draws samples from a uniform distribution within `[-limit, limit]`, where `limit = sqrt(6 / "
    "(fan_in + fan_out))`",
    choices=PRECISE,
    paths=(EAGER,),
)
def test_the_kernel_is_within_the_glorot_limit(case, path):
    excess = glorot_excess(_initial_weights(case)[0], case.dtype)
    if not 0 < excess <= 1:
        raise Mismatch(f"kernel: largest |w| is {excess:.6g} times the limit")


@generated(
    "Orthogonal",
    "If the shape of the tensor to initialize is two-dimensional, it is initialized with an "
    "orthogonal matrix obtained from the QR decomposition of a matrix of random numbers drawn from "
    "a normal distribution.",
    choices=PRECISE,
    paths=(EAGER,),
)
def test_the_recurrent_kernel_is_orthogonal(case, path):
    residual = orthogonality_residual(_initial_weights(case)[1], case.dtype)
    if not residual < LAPACK_THRESHOLD:
        raise Mismatch(f"recurrent kernel: ||U^T U - I|| / (n eps) is {residual:.3g}")


@generated(
    "SimpleRNN",
    'bias_initializer: Initializer for the bias vector. Default: `"zeros"`.',
    choices={**PRECISE, "use_bias": (True,)},
    paths=(EAGER,),
    needs={"use_bias"},
)
def test_the_bias_is_zero(case, path):
    assert_same("bias", _initial_weights(case)[2], np.zeros(case.units))
