"""The constructor's arguments: their defaults, their effects, and rejected values."""

import inspect

import numpy as np
import pytest

from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.knowledge.documentation import call_arguments
from tests.harness.probes.training import assert_not_trained
from tests.harness.properties.example import example
from tests.harness.target import layer
from tests.harness.target.arguments import (
    CELL_ARGUMENTS,
    INVALID_VALUES,
    NON_DEFAULT_VALUES,
    NOT_EXPOSED,
    PARTS,
    RNN_ARGUMENTS,
    assert_keeps_argument,
    exposed_value,
    normalized_value,
)
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.releases import tf, train_once

INPUTS = np.random.RandomState(0).randn(1, 5, 3).astype(np.float32)


class Total(tf.keras.regularizers.Regularizer):
    def __call__(self, x):
        return tf.reduce_sum(x)


class Signs(tf.keras.constraints.Constraint):
    def __call__(self, w):
        return tf.sign(w)


REGULARIZERS = {"a function": tf.reduce_sum, "an object": Total()}
CONSTRAINTS = {"a function": tf.sign, "an object": Signs()}


def made_with(**options):
    """Return a built layer with integer weights."""
    with layer_call():
        made = layer.under_test().build(4, 3, **options)
        random = np.random.RandomState(1)
        layer.set_weights(made, *(random.randint(-9, 9, w.shape) for w in made.get_weights()))
    return made


def assert_default(make, first, argument):
    """Raise Mismatch unless the argument has its documented default in `make(first)`."""
    default, parameter = layer.OPTIONS[argument], inspect.signature(make).parameters.get(argument)
    if parameter is not None and parameter.default is parameter.empty:
        return  # a custom cell may require the argument
    if parameter is not None and parameter.default != default:
        raise Mismatch(f"{argument}: expected {default!r}, got {parameter.default!r}")
    if (got := exposed_value(make(first), argument)) not in (
        normalized_value(argument, default),
        NOT_EXPOSED,
    ):
        raise Mismatch(f"{argument}: expected {default!r} by default, got {got!r}")


@pytest.mark.parametrize("argument", sorted(set(layer.OPTIONS) - {"name", "dtype"}))
@example("SimpleRNN", "Default: ... (each argument names its own)")
def test_layer_has_the_documented_defaults(argument):
    assert_default(layer.under_test().make, 4, argument)


@pytest.mark.parametrize("argument", CELL_ARGUMENTS)
@example("SimpleRNNCell", "Default: ... (each argument names its own)", needs={"cell"})
def test_cell_has_the_documented_defaults(argument):
    assert_default(type(layer.under_test().make(4).cell), 4, argument)


@pytest.mark.parametrize("argument", RNN_ARGUMENTS)
@example("RNN", "Boolean (default `False`)", needs={"cell"})
def test_rnn_has_the_documented_defaults(argument):
    assert_default(tf.keras.layers.RNN, layer.under_test().make(4).cell, argument)


IN_ORDER = (
    "activation",
    "use_bias",
    *(f"{part}_{kind}" for kind in ("initializer", "regularizer") for part in PARTS),
)
"""The first arguments after `units`, in the order of the documentation."""


@example(
    "SimpleRNN",
    "units: Positive integer, dimensionality of the output space. activation: Activation function "
    "to use. ... (in this order)",
    needs={"documented signature"},
)
def test_positional_arguments_follow_documented_order():
    values = [NON_DEFAULT_VALUES[argument][0] for argument in IN_ORDER]
    with layer_call():
        made = layer.under_test().make(4, *values)
    for argument, value in zip(IN_ORDER, values, strict=True):
        assert_keeps_argument(made, argument, value, "a layer with positional arguments")


NAMED = [
    (kind, name) for kind in ("SimpleRNN", "SimpleRNNCell", "RNN") for name in call_arguments(kind)
]


@pytest.mark.parametrize(("kind", "name"), NAMED)
@example(
    "SimpleRNN",
    "Call arguments: ... (each by its name)",
    needs={"documented signature"},
)
def test_call_arguments_have_the_documented_names(kind, name):
    parameters = inspect.signature(getattr(tf.keras.layers, kind).call).parameters
    if name not in parameters:
        known = ", ".join(list(parameters)[1:])
        raise Mismatch(f"{kind} is not called with {name}, but with {known}")


@pytest.mark.parametrize("given", REGULARIZERS)
@pytest.mark.parametrize("part", PARTS)
@example(
    "SimpleRNN",
    "kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizer function applied to "
    "the weights matrix, the recurrent_kernel weights matrix, the bias vector.",
    needs={"kernel_regularizer", "recurrent_regularizer", "bias_regularizer"},
)
def test_regularizer_penalizes_its_weight_only(part, given):
    made = made_with(**{f"{part}_regularizer": REGULARIZERS[given]})
    with layer_call():
        made(INPUTS)
        losses = [float(loss) for loss in made.losses]
    assert_same("losses", losses, [made.get_weights()[PARTS.index(part)].sum()])


@pytest.mark.parametrize("argument", ["activity_regularizer"])
@example(
    "SimpleRNN",
    "activity_regularizer: Regularizer function applied to the output of the layer (its "
    '"activation").',
)
def test_activity_regularizer_adds_its_loss(argument):
    made = made_with(**{argument: tf.reduce_max}, activation="linear")
    assert_activity_loss(made)


@example(
    "Regularizer",
    "The value returned by the `activity_regularizer` object gets divided by the input batch size "
    "so that the relative weighting between the weight regularizers and the activity regularizers "
    "does not change with the batch size.",
    needs={"cell"},
)
def test_rnn_activity_regularizer_adds_its_loss():
    cell = made_with(activation="linear").cell
    with layer_call():
        rnn = tf.keras.layers.RNN(cell, activity_regularizer=tf.reduce_max)
    assert_activity_loss(rnn)


def assert_activity_loss(made):
    """Raise Mismatch unless the loss is the regularizer's value of the output, divided by the size
    of the batch, 4."""
    with layer_call():
        output = made(np.concatenate([np.round(INPUTS)] * 4))
        losses = [float(loss) for loss in made.losses]
    assert_same("losses", losses, [float(tf.reduce_max(output)) / 4])


@pytest.mark.parametrize("given", CONSTRAINTS)
@pytest.mark.parametrize("part", PARTS)
@example(
    "SimpleRNN",
    "kernel_constraint, recurrent_constraint, bias_constraint: Constraint function applied to the "
    "weights matrix, the recurrent_kernel weights matrix, the bias vector.",
    needs={"kernel_constraint", "recurrent_constraint", "bias_constraint"},
)
def test_constraint_holds_for_its_weight_only(part, given):
    made = made_with(**{f"{part}_constraint": CONSTRAINTS[given]}, activation="linear")
    with layer_call():
        train_once(made, INPUTS)
    for name, weights in zip(PARTS, made.get_weights(), strict=True):
        if np.isin(weights, (-1, 0, 1)).all() != (name == part):
            raise Mismatch(f"{part}_constraint: {name} is {weights.tolist()}")


@example("Layer", "trainable: Boolean, whether the layer's variables should be trainable.")
def test_non_trainable_layer_is_not_trained():
    assert_not_trained(made_with(trainable=False), INPUTS)


@example("Layer", "trainable: Boolean, whether the layer's variables should be trainable.")
def test_trainable_may_be_set_at_any_time():
    made = made_with()
    counts = []
    for made.trainable in (True, False, True):
        counts.append(len(made.trainable_weights))
    if counts != [3, 0, 3]:
        raise Mismatch(f"trainable weights while it is true, false and true: {counts}")


@pytest.mark.parametrize(
    ("argument", "value"),
    [(name, value) for name, values in INVALID_VALUES.items() for value in values],
)
@example(
    "SimpleRNN",
    "units: Positive integer; dropout: Float between 0 and 1 (each argument says what it takes)",
)
def test_layer_rejects_an_invalid_value(argument, value):
    def call():
        given = {"units": 4, argument: value}
        layer.under_test().make(given.pop("units"), **given)(INPUTS, training=True)

    assert_rejected(f"{argument}={value!r}", call)
