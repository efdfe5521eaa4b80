"""The constructor's arguments: values to try, and comparison with the values that a layer has."""

import numpy as np

from tests.harness.compare.assertions import Mismatch
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import KERAS_2, tf

PARTS = ("kernel", "recurrent", "bias")
CELL_ARGUMENTS = (
    "activation",
    "use_bias",
    "dropout",
    "recurrent_dropout",
    "seed",
    *(f"{part}_{kind}" for part in PARTS for kind in ("initializer", "regularizer", "constraint")),
)
"""The constructor arguments of a cell."""
RNN_ARGUMENTS = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
)
"""The boolean constructor arguments of RNN."""

NON_DEFAULT_VALUES = {
    "activation": ("relu", None, "softsign"),
    "use_bias": (False,),
    "return_sequences": (True,),
    "return_state": (True,),
    "go_backwards": (True,),
    "unroll": (True,),
    "zero_output_for_mask": (True,),
    "kernel_initializer": (tf.keras.initializers.HeNormal(3), "ones"),
    "recurrent_initializer": (tf.keras.initializers.Orthogonal(0.5, 3), "glorot_normal"),
    "bias_initializer": (tf.keras.initializers.Constant(2.0), "ones"),
    "kernel_regularizer": (tf.keras.regularizers.L1(0.25), "l2"),
    "recurrent_regularizer": (tf.keras.regularizers.L1L2(0.25, 0.5), "l1"),
    "bias_regularizer": (tf.keras.regularizers.L2(0.125), "l1"),
    "activity_regularizer": (tf.keras.regularizers.L2(0.5), "l1"),
    "kernel_constraint": (tf.keras.constraints.MaxNorm(3, axis=1), "non_neg"),
    "recurrent_constraint": (tf.keras.constraints.UnitNorm(1), "non_neg"),
    "bias_constraint": (tf.keras.constraints.MinMaxNorm(0.5, 2.0), "non_neg"),
    "dropout": (0.25, 1 / 3, 1),
    "recurrent_dropout": (0.125, 2 / 3, 1),
    "stateful": (True,),
    "seed": (0, 2**31),
    "dtype": ("float64", "bfloat16", "mixed_float16"),
    "trainable": (False,),
    "name": ("kept",),
}
"""Values of each documented argument that are not its default."""
if KERAS_2:
    NON_DEFAULT_VALUES["time_major"] = (True,)

_SERIALIZERS = {
    "activation": tf.keras.activations,
    "initializer": tf.keras.initializers,
    "regularizer": tf.keras.regularizers,
    "constraint": tf.keras.constraints,
}


NOT_EXPOSED = "no attribute or configuration entry for it"
"""Sentinel: the layer exposes the argument neither as an attribute nor in its configuration."""


def normalized_value(argument: str, value):
    """Return a comparable form of a value of that argument.

    That is a name, a number, or a pair of a class's name and its configuration.
    """
    kind = _SERIALIZERS.get(argument.rsplit("_", 1)[-1])
    if kind is not None and (value is None or isinstance(value, (str, dict))):
        value = kind.get(value)
    if hasattr(value, "get_config"):
        config = {
            k: np.asarray(v).tolist() if isinstance(v, (int, float, np.generic)) else v
            for k, v in value.get_config().items()
        }
        return type(value).__name__, config
    return value.__name__ if callable(value) else value


def exposed_value(made, argument: str):
    """Return the layer's value of the argument as in `normalized_value`, or NOT_EXPOSED.

    It is an attribute of the layer, or of its cell, or an entry of its configuration.
    """
    if argument == "dtype":
        return made.dtype_policy.name
    for holder in (made, getattr(made, "cell", None)):
        if hasattr(holder, argument):
            return normalized_value(argument, getattr(holder, argument))
    config = made.get_config()
    return normalized_value(argument, config[argument]) if argument in config else NOT_EXPOSED


def assert_keeps_argument(made, argument: str, value, what: str) -> None:
    """Raise Mismatch unless the layer exposes this value of the argument.

    what: the name of the layer or of its copy in the message.
    """
    with layer_call():
        kept = exposed_value(made, argument)
    if kept != normalized_value(argument, value):
        raise Mismatch(f"{argument}={value!r}: {what} has {kept!r}")


INVALID_VALUES = {
    "units": (0, -1, 2.5, "4", None),
    "activation": ("no such activation", 3),
    "kernel_initializer": ("no such initializer", 3),
    "recurrent_initializer": ("no such initializer", 3),
    "bias_initializer": ("no such initializer", 3),
    "kernel_regularizer": ("no such regularizer", 3),
    "recurrent_regularizer": ("no such regularizer", 3),
    "bias_regularizer": ("no such regularizer", 3),
    "activity_regularizer": ("no such regularizer", 3),
    "kernel_constraint": ("no such constraint", 3),
    "recurrent_constraint": ("no such constraint", 3),
    "bias_constraint": ("no such constraint", 3),
    "dropout": (-0.5, 1.5, "half", np.nan),
    "recurrent_dropout": (-0.5, 1.5, "half", np.nan),
    "dtype": ("no such dtype",),
    "no_such_argument": (1,),
}
"""Values that the documentation of each argument excludes."""
