"""The distributions of the initial weights."""

import numpy as np
import pytest

from reference.initializers import INITIALIZERS, glorot_limit
from tests.harness.compare.assertions import Mismatch
from tests.harness.probes import initializers
from tests.harness.probes.initializers import INITIALIZER_NAMES, INITIALIZER_OBJECTS
from tests.harness.properties.example import example
from tests.harness.properties.statistical import statistical
from tests.harness.target.arguments import normalized_value
from tests.harness.target.releases import tf

GLOROT = (
    "Draws samples from a uniform distribution within `[-limit, limit]`, where `limit = sqrt(6 / "
    "(fan_in + fan_out))`"
)
ORTHOGONAL = (
    "If the shape of the tensor to initialize is two-dimensional, it is initialized with an "
    "orthogonal matrix obtained from the QR decomposition of a matrix of random numbers drawn from "
    "a normal distribution. If the matrix has fewer rows than columns then the output will have "
    "orthogonal rows. Otherwise, the output will have orthogonal columns."
)
SLOTS = (
    "kernel_initializer: Initializer for the `kernel` weights matrix; recurrent_initializer: "
    "Initializer for the `recurrent_kernel` weights matrix; bias_initializer: Initializer for the "
    "bias vector."
)
NAMED = "get: If a string, it should be the name of an initializer."

SHAPES = {(1, 2000): 5, (20000, 1): 1, (300, 900): 1, (900, 300): 1}
"""The number of kernels to draw for each shape (features, units)."""
SQUARE = 600
SMALL = [units for units in range(1, 13) for _ in range(6)]
LARGE = 256
SINGLE_UNIT_DRAWS = 48


@statistical("GlorotUniform", GLOROT, needs={"recurrent_initializer"})
def test_kernel_is_uniform_within_the_glorot_limit(evidence, path):
    for shape, draws in SHAPES.items():
        kernels = [initializers.kernel(*shape) for _ in range(draws)]
        evidence.check_distribution(
            f"kernel {shape}", kernels, INITIALIZERS["glorot_uniform"](shape)
        )


@statistical("GlorotUniform", GLOROT, needs={"recurrent_initializer", "dtype"})
def test_float64_kernel_is_uniform(evidence, path):
    kernel = initializers.kernel(100, 400, dtype="float64")
    evidence.check_distribution(
        "kernel", kernel, INITIALIZERS["glorot_uniform"](kernel.shape), "float64"
    )


@statistical("GlorotUniform", GLOROT, needs={"recurrent_initializer"})
def test_the_entries_of_the_kernel_are_independent(evidence, path):
    kernel, other = (initializers.kernel(SQUARE, SQUARE) for _ in range(2))
    evidence.check_independent_entries("signs", kernel > 0)
    evidence.check_independent_entries("magnitudes", abs(kernel) > abs(kernel).max() / 2)
    above = np.triu_indices(SQUARE, 1)
    evidence.check_independence("signs across the diagonal", kernel[above] > 0, kernel.T[above] > 0)
    evidence.check_independence("signs in two layers", kernel > 0, other > 0)
    scaled = kernel / glorot_limit(SQUARE, SQUARE)
    evidence.check_mean("products of neighbours", scaled[:, ::2] * scaled[:, 1::2], 0, -1, 1)


@statistical("Orthogonal", ORTHOGONAL, needs={"kernel_initializer", "bias_initializer"})
def test_recurrent_kernel_is_haar_distributed(evidence, path):
    small = [initializers.recurrent_kernel(units) for units in SMALL]
    evidence.check_haar("up to 12 units", small)
    evidence.check_probability("det U = 1", [np.linalg.det(u) > 0 for u in small], 0.5)
    evidence.check_haar("large", [initializers.recurrent_kernel(LARGE)])
    ones = [initializers.recurrent_kernel(1) > 0 for _ in range(SINGLE_UNIT_DRAWS)]
    evidence.check_probability("U of one unit is 1 and not -1", ones, 0.5)


@statistical("Orthogonal", ORTHOGONAL, needs={"kernel_initializer", "bias_initializer", "dtype"})
def test_float64_recurrent_kernel_is_orthogonal(evidence, path):
    kernel = initializers.recurrent_kernel(100, dtype="float64")
    evidence.check_initializer(
        "kernel", kernel, INITIALIZERS["orthogonal"](kernel.shape), "float64"
    )


@statistical("Orthogonal", ORTHOGONAL, needs={"kernel_initializer", "bias_initializer"})
def test_rotated_recurrent_kernel_is_haar_distributed(evidence, path):
    rotation = np.linalg.qr(np.random.RandomState(0).normal(size=(128, 128)))[0]
    kernel = initializers.recurrent_kernel(128)
    for what, turned in (
        ("from the left", rotation @ kernel),
        ("from the right", kernel @ rotation),
        ("transposed", kernel.T),
    ):
        evidence.check_haar(what, [turned])


@statistical("Orthogonal", ORTHOGONAL, needs=initializers.INITIALIZER_NEEDS)
def test_rectangular_orthogonal_kernel_is_haar_distributed(evidence, path):
    for shape in ((1, 300), (300, 1), (40, 200), (200, 40)):
        for gain in (1.0, 2.5):
            kernel = initializers.kernel(
                *shape, initializers.initializer_object("orthogonal", gain=gain)
            )
            promise = INITIALIZERS["orthogonal"](shape, gain=gain)
            evidence.check_initializer(f"kernel {shape}, gain {gain}", kernel, promise)


@statistical("SimpleRNN", SLOTS, needs=initializers.INITIALIZER_NEEDS)
def test_named_initializer_applies_to_its_weight_only(evidence, path):
    for what, weight, promise in initializers.initialized_weights(INITIALIZER_NAMES):
        evidence.check_initializer(what, weight, promise)


@statistical("initializers", NAMED, needs=initializers.INITIALIZER_NEEDS)
def test_constant_by_name_gives_zeros(evidence, path):
    evidence.check_equal("kernel", initializers.kernel(3, 5, "constant"), np.zeros((3, 5)))


@statistical("initializers", NAMED, needs=initializers.INITIALIZER_NEEDS)
def test_identity_by_name_gives_the_identity(evidence, path):
    evidence.check_equal("kernel", initializers.kernel(3, 5, "identity"), np.eye(3, 5))


@statistical("SimpleRNN", SLOTS, needs=initializers.INITIALIZER_NEEDS)
def test_initializer_object_applies_to_its_weight_only(evidence, path):
    for what, weight, promise in initializers.initialized_weights(INITIALIZER_OBJECTS):
        evidence.check_initializer(what, weight, promise)


@statistical(
    "VarianceScaling",
    "`stddev = sqrt(scale / n)`, where `n` is: number of input units in the weight tensor, if "
    '`mode="fan_in"`; number of output units, if `mode="fan_out"`',
    needs=initializers.INITIALIZER_NEEDS,
)
def test_variance_scaling_handles_one_input_or_output(evidence, path):
    for shape in ((1, 2000), (2000, 1)):
        for kind in initializers.FAN_DEPENDENT:
            expected = kind.expected(shape)
            evidence.check_initializer(
                f"{kind} {shape}", initializers.kernel(*shape, kind.argument), expected
            )


@statistical("SimpleRNN", SLOTS, needs=initializers.INITIALIZER_NEEDS)
def test_the_three_weights_are_drawn_independently(evidence, path):
    uniform = dict.fromkeys(initializers.INITIALIZER_ARGUMENTS, "random_uniform")
    kernel, recurrent, bias = initializers.weights(units=400, features=400, **uniform)
    evidence.check_independence("signs of the two kernels", kernel > 0, recurrent > 0)
    evidence.check_independence("signs of bias and kernel", bias > 0, kernel[0] > 0)
    evidence.check_independence("signs of bias and recurrent kernel", bias > 0, recurrent[0] > 0)


SHORTCUTS = {"glorot_uniform": "GlorotUniform", "orthogonal": "Orthogonal", "zeros": "Zeros"}


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@example(
    "GlorotUniform",
    "Also available via the shortcut function `tf.keras.initializers.glorot_uniform`.",
)
def test_shortcut_function_gives_the_same_initializer(shortcut):
    one, other = (getattr(tf.keras.initializers, n) for n in (shortcut, SHORTCUTS[shortcut]))
    if normalized_value("initializer", one()) != normalized_value("initializer", other()):
        raise Mismatch(f"{shortcut} gives {normalized_value('initializer', one())}")
