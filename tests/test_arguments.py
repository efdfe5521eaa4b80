"""The constructor's arguments: their defaults, what each does, and which values are refused."""

import inspect

import numpy as np
import pytest

from tests.harness import layer
from tests.harness.arguments import (
    OF_CELL,
    OF_RNN,
    PARTS,
    REFUSED,
    UNTOLD,
    UNUSUAL,
    argument_of,
    assert_kept,
    described,
)
from tests.harness.compare import Mismatch, assert_same
from tests.harness.documentation import call_arguments
from tests.harness.paths import assert_refused, the_layer
from tests.harness.properties import documented
from tests.harness.releases import tf, train_once
from tests.harness.training import assert_not_trained

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
    """A built layer of integer weights."""
    with the_layer():
        made = layer.under_test().build(4, 3, **options)
        sizes = np.random.RandomState(1)
        layer.set_weights(made, *(sizes.randint(-9, 9, w.shape) for w in made.get_weights()))
    return made


def assert_default(make, first, argument):
    """That argument has its documented default in what `make` makes of its first argument."""
    default, parameter = layer.OPTIONS[argument], inspect.signature(make).parameters.get(argument)
    if parameter is not None and parameter.default is parameter.empty:
        return  # a cell of one's own may ask for it
    if parameter is not None and parameter.default != default:
        raise Mismatch(f"{argument}: expected {default!r}, got {parameter.default!r}")
    if (got := argument_of(make(first), argument)) not in (described(argument, default), UNTOLD):
        raise Mismatch(f"{argument}: without it there is {got!r}")


@pytest.mark.parametrize("argument", sorted(set(layer.OPTIONS) - {"name", "dtype"}))
@documented("SimpleRNN", "Default: ... (each argument names its own)")
def test_documented_defaults_are_the_defaults(argument):
    assert_default(layer.under_test().make, 4, argument)


@pytest.mark.parametrize("argument", OF_CELL)
@documented("SimpleRNNCell", "Default: ... (each argument names its own)", needs={"cell"})
def test_documented_defaults_are_those_of_a_cell_made_by_itself(argument):
    assert_default(type(layer.under_test().make(4).cell), 4, argument)


@pytest.mark.parametrize("argument", OF_RNN)
@documented("RNN", "Boolean (default `False`)", needs={"cell"})
def test_documented_defaults_are_those_of_an_rnn_of_a_cell(argument):
    assert_default(tf.keras.layers.RNN, layer.under_test().make(4).cell, argument)


IN_ORDER = (
    "activation",
    "use_bias",
    *(f"{part}_{kind}" for kind in ("initializer", "regularizer") for part in PARTS),
)
"""The arguments behind units in the order of the documentation: as many as anyone counts."""


@documented(
    "SimpleRNN",
    "units: Positive integer, dimensionality of the output space. activation: Activation function "
    "to use. ... (in this order)",
    needs={"documented signature"},
)
def test_arguments_may_be_given_by_position():
    values = [UNUSUAL[argument][0] for argument in IN_ORDER]
    with the_layer():
        made = layer.under_test().make(4, *values)
    for argument, value in zip(IN_ORDER, values, strict=True):
        assert_kept(made, argument, value, "a layer that is given it by its position")


NAMED = [
    (kind, name) for kind in ("SimpleRNN", "SimpleRNNCell", "RNN") for name in call_arguments(kind)
]


@pytest.mark.parametrize(("kind", "name"), NAMED)
@documented(
    "SimpleRNN",
    "Call arguments: ... (each by its name)",
    needs={"documented signature"},
)
def test_call_arguments_have_the_names_of_the_documentation(kind, name):
    parameters = inspect.signature(getattr(tf.keras.layers, kind).call).parameters
    if name not in parameters:
        known = ", ".join(list(parameters)[1:])
        raise Mismatch(f"{kind} is not called with {name}, but with {known}")


@pytest.mark.parametrize("given", REGULARIZERS)
@pytest.mark.parametrize("part", PARTS)
@documented(
    "SimpleRNN",
    "kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizer function applied to "
    "the weights matrix, the recurrent_kernel weights matrix, the bias vector.",
    needs={"kernel_regularizer", "recurrent_regularizer", "bias_regularizer"},
)
def test_a_regularizer_gives_the_loss_of_its_own_weights(part, given):
    made = made_with(**{f"{part}_regularizer": REGULARIZERS[given]})
    with the_layer():
        made(INPUTS)
        losses = [float(loss) for loss in made.losses]
    assert_same("losses", losses, [made.get_weights()[PARTS.index(part)].sum()])


@pytest.mark.parametrize("argument", ["activity_regularizer"])
@documented(
    "SimpleRNN",
    "activity_regularizer: Regularizer function applied to the output of the layer (its "
    '"activation").',
)
def test_the_activity_regularizer_gives_its_loss(argument):
    made = made_with(**{argument: tf.reduce_max}, activation="linear")
    assert_activity_loss(made)


@documented(
    "Regularizer",
    "The value returned by the `activity_regularizer` object gets divided by the input batch size "
    "so that the relative weighting between the weight regularizers and the activity regularizers "
    "does not change with the batch size.",
    needs={"cell"},
)
def test_the_activity_regularizer_of_an_rnn_of_a_cell_gives_its_loss():
    cell = made_with(activation="linear").cell
    with the_layer():
        rnn = tf.keras.layers.RNN(cell, activity_regularizer=tf.reduce_max)
    assert_activity_loss(rnn)


def assert_activity_loss(made):
    """The loss of a layer of integers is what its regularizer gives for the output, divided by the
    size of the batch, 4."""
    with the_layer():
        output = made(np.concatenate([np.round(INPUTS)] * 4))
        losses = [float(loss) for loss in made.losses]
    assert_same("losses", losses, [float(tf.reduce_max(output)) / 4])


@pytest.mark.parametrize("given", CONSTRAINTS)
@pytest.mark.parametrize("part", PARTS)
@documented(
    "SimpleRNN",
    "kernel_constraint, recurrent_constraint, bias_constraint: Constraint function applied to the "
    "weights matrix, the recurrent_kernel weights matrix, the bias vector.",
    needs={"kernel_constraint", "recurrent_constraint", "bias_constraint"},
)
def test_after_a_training_step_a_constraint_holds_for_its_own_weights(part, given):
    made = made_with(**{f"{part}_constraint": CONSTRAINTS[given]}, activation="linear")
    with the_layer():
        train_once(made, INPUTS)
    for name, weights in zip(PARTS, made.get_weights(), strict=True):
        if np.isin(weights, (-1, 0, 1)).all() != (name == part):
            raise Mismatch(f"{part}_constraint: {name} is {weights.tolist()}")


@documented("Layer", "trainable: Boolean, whether the layer's variables should be trainable.")
def test_a_layer_that_is_not_trainable_is_not_trained():
    assert_not_trained(made_with(trainable=False), INPUTS)


@documented("Layer", "trainable: Boolean, whether the layer's variables should be trainable.")
def test_trainable_may_be_set_at_any_time():
    made = made_with()
    counts = []
    for made.trainable in (True, False, True):
        counts.append(len(made.trainable_weights))
    if counts != [3, 0, 3]:
        raise Mismatch(f"trainable weights while it is true, false and true: {counts}")


@pytest.mark.parametrize(
    ("argument", "value"), [(name, value) for name, values in REFUSED.items() for value in values]
)
@documented(
    "SimpleRNN",
    "units: Positive integer; dropout: Float between 0 and 1 (each argument says what it takes)",
)
def test_a_wrong_value_is_refused(argument, value):
    def call():
        given = {"units": 4, argument: value}
        layer.under_test().make(given.pop("units"), **given)(INPUTS, training=True)

    assert_refused(f"{argument}={value!r}", call)
