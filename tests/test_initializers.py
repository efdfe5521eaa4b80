"""The laws of the initial weights."""

import numpy as np
import pytest

from reference.initializers import INITIALIZERS, glorot_limit
from tests.harness import slots
from tests.harness.arguments import described
from tests.harness.compare import Mismatch
from tests.harness.laws import law
from tests.harness.properties import documented
from tests.harness.releases import tf
from tests.harness.slots import AS_OBJECTS, BY_NAME

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
"""Shapes (features, units), and how many kernels of each are drawn."""
SQUARE = 600
SMALL = [units for units in range(1, 13) for _ in range(6)]
LARGE = 256
OF_ONE_UNIT = 48


@law("GlorotUniform", GLOROT, needs={"recurrent_initializer"})
def test_the_kernel_is_uniform_up_to_the_glorot_limit(evidence, path):
    for shape, draws in SHAPES.items():
        kernels = [slots.kernel(*shape) for _ in range(draws)]
        evidence.follows(f"kernel {shape}", kernels, INITIALIZERS["glorot_uniform"](shape))


@law("GlorotUniform", GLOROT, needs={"recurrent_initializer", "dtype"})
def test_the_kernel_is_uniform_in_float64_too(evidence, path):
    kernel = slots.kernel(100, 400, dtype="float64")
    evidence.follows("kernel", kernel, INITIALIZERS["glorot_uniform"](kernel.shape), "float64")


@law("GlorotUniform", GLOROT, needs={"recurrent_initializer"})
def test_the_entries_of_the_kernel_are_independent(evidence, path):
    kernel, other = (slots.kernel(SQUARE, SQUARE) for _ in range(2))
    evidence.entries_are_independent("signs", kernel > 0)
    evidence.entries_are_independent("magnitudes", abs(kernel) > abs(kernel).max() / 2)
    above = np.triu_indices(SQUARE, 1)
    evidence.independent("signs across the diagonal", kernel[above] > 0, kernel.T[above] > 0)
    evidence.independent("signs in two layers", kernel > 0, other > 0)
    scaled = kernel / glorot_limit(SQUARE, SQUARE)
    evidence.averages("products of neighbours", scaled[:, ::2] * scaled[:, 1::2], 0, -1, 1)


@law("Orthogonal", ORTHOGONAL, needs={"kernel_initializer", "bias_initializer"})
def test_the_recurrent_kernel_is_uniform_on_the_orthogonal_matrices(evidence, path):
    small = [slots.recurrent_kernel(units) for units in SMALL]
    evidence.is_uniform_on_orthogonal_matrices("up to 12 units", small)
    evidence.happens("det U = 1", [np.linalg.det(u) > 0 for u in small], 0.5)
    evidence.is_uniform_on_orthogonal_matrices("large", [slots.recurrent_kernel(LARGE)])
    ones = [slots.recurrent_kernel(1) > 0 for _ in range(OF_ONE_UNIT)]
    evidence.happens("U of one unit is 1 and not -1", ones, 0.5)


@law("Orthogonal", ORTHOGONAL, needs={"kernel_initializer", "bias_initializer", "dtype"})
def test_the_recurrent_kernel_is_orthogonal_in_float64_too(evidence, path):
    kernel = slots.recurrent_kernel(100, dtype="float64")
    evidence.promised("kernel", kernel, INITIALIZERS["orthogonal"](kernel.shape), "float64")


@law("Orthogonal", ORTHOGONAL, needs={"kernel_initializer", "bias_initializer"})
def test_a_fixed_rotation_changes_nothing_about_the_recurrent_kernel(evidence, path):
    rotation = np.linalg.qr(np.random.RandomState(0).normal(size=(128, 128)))[0]
    kernel = slots.recurrent_kernel(128)
    for what, turned in (
        ("from the left", rotation @ kernel),
        ("from the right", kernel @ rotation),
        ("transposed", kernel.T),
    ):
        evidence.is_uniform_on_orthogonal_matrices(what, [turned])


@law("Orthogonal", ORTHOGONAL, needs=slots.NEEDS)
def test_an_orthogonal_kernel_of_any_shape_is_uniform_on_those_of_its_shape(evidence, path):
    for shape in ((1, 300), (300, 1), (40, 200), (200, 40)):
        for gain in (1.0, 2.5):
            kernel = slots.kernel(*shape, slots.made("orthogonal", gain=gain))
            promise = INITIALIZERS["orthogonal"](shape, gain=gain)
            evidence.promised(f"kernel {shape}, gain {gain}", kernel, promise)


@law("SimpleRNN", SLOTS, needs=slots.NEEDS)
def test_each_named_initializer_reaches_its_slot_and_no_other(evidence, path):
    for what, weight, promise in slots.each_in_each_slot(BY_NAME):
        evidence.promised(what, weight, promise)


@law("initializers", NAMED, needs=slots.NEEDS)
def test_constant_by_its_name_is_zero(evidence, path):
    evidence.same("kernel", slots.kernel(3, 5, "constant"), np.zeros((3, 5)))


@law("initializers", NAMED, needs=slots.NEEDS)
def test_identity_by_its_name_is_the_identity(evidence, path):
    evidence.same("kernel", slots.kernel(3, 5, "identity"), np.eye(3, 5))


@law("SimpleRNN", SLOTS, needs=slots.NEEDS)
def test_each_initializer_object_reaches_its_slot_and_no_other(evidence, path):
    for what, weight, promise in slots.each_in_each_slot(AS_OBJECTS):
        evidence.promised(what, weight, promise)


@law(
    "VarianceScaling",
    "`stddev = sqrt(scale / n)`, where `n` is: number of input units in the weight tensor, if "
    '`mode="fan_in"`; number of output units, if `mode="fan_out"`',
    needs=slots.NEEDS,
)
def test_one_input_or_one_output_is_a_number_of_them_like_others(evidence, path):
    for shape in ((1, 2000), (2000, 1)):
        for kind in slots.SCALING:
            promise = kind.promise(shape)
            evidence.promised(f"{kind} {shape}", slots.kernel(*shape, kind.given), promise)


@law("SimpleRNN", SLOTS, needs=slots.NEEDS)
def test_the_three_weights_are_drawn_independently(evidence, path):
    uniform = dict.fromkeys(slots.SLOTS, "random_uniform")
    kernel, recurrent, bias = slots.weights(units=400, features=400, **uniform)
    evidence.independent("signs of the two kernels", kernel > 0, recurrent > 0)
    evidence.independent("signs of bias and kernel", bias > 0, kernel[0] > 0)
    evidence.independent("signs of bias and recurrent kernel", bias > 0, recurrent[0] > 0)


SHORTCUTS = {"glorot_uniform": "GlorotUniform", "orthogonal": "Orthogonal", "zeros": "Zeros"}


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@documented(
    "GlorotUniform",
    "Also available via the shortcut function `tf.keras.initializers.glorot_uniform`.",
)
def test_the_shortcut_of_an_initializer_is_that_initializer(shortcut):
    one, other = (getattr(tf.keras.initializers, n) for n in (shortcut, SHORTCUTS[shortcut]))
    if described("initializer", one()) != described("initializer", other()):
        raise Mismatch(f"{shortcut} gives {described('initializer', one())}")
