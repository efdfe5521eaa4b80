"""Layers that are wrong at a single size: `--layer tests.selftest.faults.one_size:units_64`."""

import functools

from tests.harness.target.releases import tf

AXES = {"batch": 0, "time": 1, "features": 2}


@functools.cache
def __getattr__(name: str) -> type:
    """Return the layer whose outputs are off by 1 at the size in its name.

    `time_180_300` is wrong from one size to another; `static_...` uses the static shape.
    """
    kind, _, rest = name.partition("_")
    static = kind == "static"
    dimension, *bounds = (rest if static else name).split("_")
    if dimension not in (*AXES, "units"):
        raise AttributeError(name)
    low, high = int(bounds[0]), int(bounds[-1])

    class WrongAt(tf.keras.layers.SimpleRNN):
        def call(self, sequences, initial_state=None, mask=None, training=None):
            results = super().call(
                sequences, initial_state=initial_state, mask=mask, training=training
            )
            shape = sequences.shape if static else tf.shape(sequences)
            size = self.units if dimension == "units" else shape[AXES[dimension]]
            if size is None:
                return results
            wrong = tf.logical_and(low <= size, size <= high)
            return tf.nest.map_structure(lambda part: part + tf.cast(wrong, part.dtype), results)

    WrongAt.__name__ = WrongAt.__qualname__ = name
    return WrongAt
