"""Paths through TimeDistributed: around the layer, and in front of it.

The rows of a case become slices: a batch of n rows of the case is one of n / s rows with s slices.
"""

import numpy as np

from tests.harness.paths.execution import dynamic_shape
from tests.harness.paths.implicit_masks import blank_masked_steps, embedding, masking
from tests.harness.paths.path import path_from_function
from tests.harness.target.releases import exported_function, tf


def number_of_slices(rows: int) -> int:
    """Return the largest proper divisor of a number of rows, or the number if it is prime."""
    divisors = [n for n in range(2, rows) if rows % n == 0]
    return max(divisors, default=rows)


def in_slices(run):
    """Return `run`, a function of (batch, slices, ...), as one of (batch * slices, ...)."""

    def call(x, **more):
        def folded(value):
            return tf.reshape(value, (-1, number_of_slices(x.shape[0]), *value.shape[1:]))

        outputs = run(folded(x), **{name: folded(value) for name, value in more.items()})
        return tf.reshape(outputs, (-1, *outputs.shape[2:]))

    return call


def wrap(made):
    """Return TimeDistributed over a layer, with the layer's policy."""
    return tf.keras.layers.TimeDistributed(made, dtype=made.dtype_policy)


def time_distributed(made):
    return in_slices(wrap(made))


def time_distributed_unknown_batch(made):
    return in_slices(dynamic_shape(wrap(made), axes=(0,)))


def time_distributed_unknown_slices(made):
    return in_slices(dynamic_shape(wrap(made), axes=(1,)))


def time_distributed_unknown_time(made):
    return in_slices(dynamic_shape(wrap(made), axes=(2,)))


def time_distributed_unknown_sizes(made):
    return in_slices(dynamic_shape(wrap(made), axes=(0, 1, 2)))


def model_of_slices(made, x):
    """Return a functional model of the layer over slices, in which only the features are known."""
    inputs = tf.keras.Input((None, None, x.shape[-1]), dtype=x.dtype)
    return tf.keras.Model(inputs, wrap(made)(inputs))


def time_distributed_predict(made):
    """Return the results of `predict` for a second number of slices; the first is 1."""
    model = None

    def run(x):
        nonlocal model
        model = model or model_of_slices(made, x)
        model.predict(x[:, :1].numpy(), verbose=0)
        return model.predict(x.numpy(), verbose=0)

    return in_slices(run)


def time_distributed_exported(made):
    """Return the results of an exported model that TensorFlow alone has loaded."""
    return in_slices(lambda x: exported_function(model_of_slices(made, x))(x))


def time_distributed_masking(made):
    """Return the layer after Masking, each in a TimeDistributed."""
    return masking(made, in_slices, wrap)


def time_distributed_embedding(made):
    """Return the layer after Embedding, each in a TimeDistributed."""
    return embedding(made, in_slices, wrap)


def behind_time_distributed(made):
    """Return the layer after Dense in a TimeDistributed; with a mask, Masking comes before both.

    Dense doubles the features and reverses their order. It receives them halved and reversed, which
    is exact.
    """
    features = made.get_weights()[0].shape[0]
    dense = tf.keras.layers.Dense(features, use_bias=False, dtype=made.compute_dtype)
    steps = wrap(dense)
    steps.build((None, None, features))
    dense.set_weights([2 * np.eye(features)[::-1]])

    def call(x, mask=None, **more):
        x = tf.reverse(x, [2]) / 2
        if mask is not None:
            x = tf.keras.layers.Masking(9.0, dtype=x.dtype)(blank_masked_steps(x, mask))
        return made(steps(x), **more)

    return call


def behind_time_distributed_traced(made):
    """Return the same in a trace of unknown batch and time."""
    return dynamic_shape(behind_time_distributed(made))


SLICED = {"batch": (6, 1, 2, 3, 4, 10), "time": lambda times: times[:4], "large": (None,)}
"""One row of one slice, one row of 2 or 3 slices, 2 rows of 2, 3 or 5 slices."""
_NO_STATE = frozenset({"initial_state"})


def _path(call, unsupported=frozenset(), choices=None, returns_state=False, **more):
    return path_from_function(
        call,
        unsupported=_NO_STATE | unsupported,
        choices={**SLICED, **(choices or {})},
        returns_state=returns_state,
        **more,
    )


SLICES = _path(time_distributed)
TRACED_SLICES = tuple(
    _path(call, traced=True, fixed_shape=True, example_fraction=0.3)
    for call in (
        time_distributed_unknown_batch,
        time_distributed_unknown_slices,
        time_distributed_unknown_time,
        time_distributed_unknown_sizes,
    )
)
SLICES_OF_MODELS = (
    _path(
        time_distributed_predict,
        unsupported=frozenset({"mask"}),
        choices={"dtype": ("float32",)},
        traced=True,
        fixed_shape=True,
        example_fraction=0.3,
    ),
    _path(
        time_distributed_exported,
        unsupported=frozenset({"mask"}),
        example_fraction=0.1,
        leaks_memory=True,
    ),
)
MASKED_SLICES = (
    _path(time_distributed_masking),
    _path(time_distributed_embedding),
)
BEHIND_SLICES = (
    _path(behind_time_distributed, returns_state=True),
    _path(behind_time_distributed_traced, returns_state=True, traced=True, example_fraction=0.5),
)
TIME_DISTRIBUTED_PATHS = (
    SLICES,
    *TRACED_SLICES,
    *SLICES_OF_MODELS,
    *MASKED_SLICES,
    *BEHIND_SLICES,
)
