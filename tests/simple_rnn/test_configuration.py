"""Configuration by every documented name, and by user-defined objects."""

import numpy as np
import pytest

from reference.initializers import INITIALIZERS
from tests.harness.compare.assertions import Mismatch, assert_same, assert_within
from tests.harness.probes.initializers import initializer_object
from tests.harness.probes.stateful import small_integers
from tests.harness.properties.example import example
from tests.harness.target import layer
from tests.harness.target.arguments import assert_keeps_argument
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import initial_state_of, tf, train_once

REGULARIZERS = {"L1": "l1", "L2": "l2", "OrthogonalRegularizer": "orthogonal_regularizer"}
CONSTRAINTS = {
    "MaxNorm": "max_norm",
    "MinMaxNorm": "min_max_norm",
    "NonNeg": "non_neg",
    "UnitNorm": "unit_norm",
}
KINDS = {
    "initializer": {
        type(initializer_object(name)).__name__: name
        for name in INITIALIZERS
        if name not in ("constant", "identity")  # which have a property each
    },
    "regularizer": REGULARIZERS,
    "constraint": CONSTRAINTS,
}
"""The documented classes and the names of their functions, by kind of argument."""

NAMED = [(kind, name) for kind, names in KINDS.items() for name in names]
MODULES = {kind: getattr(tf.keras, f"{kind}s") for kind in KINDS}
FORMS = {
    "function name": lambda kind, name: KINDS[kind][name],
    "class name": lambda kind, name: name,
    "object": lambda kind, name: getattr(MODULES[kind], name)(),
    "class name and config": lambda kind, name: {
        "class_name": name,
        "config": getattr(MODULES[kind], name)().get_config(),
    },
    "serialized": lambda kind, name: MODULES[kind].serialize(getattr(MODULES[kind], name)()),
}
"""How a user may name an object of a class."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "name"), NAMED)
@example(
    "initializers.get",
    "The `identifier` may be the string name of a initializers function or class "
    "(case-sensitively). You can also specify `config` of the initializer to this function by "
    "passing dict containing `class_name` and `config` as an identifier. (likewise regularizers "
    "and constraints)",
    needs={f"kernel_{kind}" for kind in KINDS},
)
def test_each_form_of_an_object_is_the_same(kind, name, form):
    argument = f"kernel_{kind}"
    with layer_call():
        made = layer.under_test().build(3, 3, **{argument: FORMS[form](kind, name)})
    assert_keeps_argument(made, argument, FORMS["object"](kind, name), form)


def of_package(made):
    """Register what a user defines."""
    return tf.keras.utils.register_keras_serializable("verify_configuration")(made)


@of_package
class Halves(tf.keras.initializers.Initializer):
    """Initialize with 1/2."""

    def __call__(self, shape, dtype=None, **more):
        return tf.fill(shape, tf.cast(0.5, dtype or "float32"))

    def get_config(self):
        return {}


@of_package
class Total(tf.keras.regularizers.Regularizer):
    """Penalize the sum of the weights."""

    def __call__(self, x):
        return tf.reduce_sum(x)

    def get_config(self):
        return {}


@of_package
class Twos(tf.keras.constraints.Constraint):
    """Make all weights 2."""

    def __call__(self, w):
        return 0 * w + 2

    def get_config(self):
        return {}


@of_package
def negated(z):
    """Change the sign."""
    return -z


OWN = {
    "activation": negated,
    "kernel_initializer": Halves(),
    "kernel_regularizer": Total(),
    "kernel_constraint": Twos(),
}
OWN_FORMS = {
    "object": lambda made: made,
    "copy": lambda made: type(made).from_config(made.get_config()),
}


@pytest.mark.parametrize("form", OWN_FORMS)
@example(
    "register_keras_serializable",
    "This decorator injects the decorated class or function into the Keras custom object "
    "dictionary, so that it can be serialized and deserialized without needing an entry in the "
    "user-provided custom object dict.",
    needs=set(OWN),
)
def test_registered_objects_of_a_user_take_effect(form):
    with layer_call():
        made = OWN_FORMS[form](layer.under_test().make(3, **OWN))
        made.build((None, None, 2))
        assert_same("kernel", made.get_weights()[0], np.full((2, 3), 0.5))
        assert_same("losses", [float(loss) for loss in made.losses], [3.0])
        made.set_weights([np.eye(2, 3), np.zeros((3, 3)), np.zeros(3)])
        assert_same("output", made(tf.ones((1, 1, 2))), [[-1.0, -1.0, 0.0]])
        train_once(made, np.zeros((1, 1, 2), np.float32))
    assert_same("kernel after a step", made.get_weights()[0], np.full((2, 3), 2.0))


RATE, SCALE = 0.2, 1.25
"""A rate of dropout whose factor for what is kept, 1 / (1 - rate), is no integer."""


@pytest.mark.parametrize("given", ["int32", "uint8", "bool"])
@example(
    "Layer",
    "compute_dtype: ... Layers automatically cast inputs to this dtype",
    needs={"dropout", "activation", "integer inputs"},
)
def test_integer_inputs_are_dropped_as_floats(given):
    x = tf.cast(1 + tf.random.stateless_uniform((8, 1, 32), (1, 2), 0, 9, tf.int32), given)
    with layer_call():
        options = {"activation": None, "use_bias": False, "dropout": RATE}
        made = layer.under_test().build(32, 32, **options)
        made.set_weights([np.eye(32), np.zeros((32, 32))])
        dropped = np.asarray(made(x, training=True), np.float64)
    expected = np.where(dropped == 0, 0, SCALE * np.asarray(x[:, 0], np.float64))
    assert_within("dropped inputs", dropped, expected, 2.0**-22 * expected, "float32")
    if dropped.all() or not dropped.any():
        raise Mismatch("dropout dropped everything or nothing")


L = tf.keras.layers
STARTS = {
    "SimpleRNN": lambda **more: layer.under_test().make(3, **more),
    "RNN": lambda **more: L.RNN(L.SimpleRNNCell(3), **more),
    "stacked cells": lambda **more: L.RNN([L.SimpleRNNCell(3), L.SimpleRNNCell(2)], **more),
    "LSTM": lambda **more: L.LSTM(3, **more),
}


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("kind", STARTS)
@example(
    "RNN",
    "`get_initial_state(batch_size=None)` ... creates a tensor meant to be fed to `call()` as the "
    "initial state, if the user didn't specify any initial state via other means.",
    needs={"initial_state", "get_initial_state"},
)
def test_initial_state_of_the_layer_is_its_start(kind, rows):
    x = tf.constant(small_integers(3, rows, 3, 2), tf.float32)
    with layer_call():
        made = STARTS[kind](return_sequences=True)
        outputs = made(x)
        start = tf.nest.flatten(initial_state_of(made, x))
        assert_same("outputs from its start", made(x, initial_state=start), outputs)
    for state in start:
        assert_same("state", state, np.zeros((rows, state.shape[-1])))
