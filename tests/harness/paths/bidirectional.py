"""Paths that wrap the layer: Bidirectional in each merge mode, and cells on top of each other.

The other direction, and the second cell, get weights made of the layer's own: -W and U^T, and
U^T, -U and -b. The case that stands for them is made in the same way.
"""

from functools import partial

import numpy as np

from reference.wrappers import MERGES, bidirectional
from tests.harness.cases.case import Case, replace
from tests.harness.paths.execution import dynamic_shape
from tests.harness.paths.path import Path
from tests.harness.paths.siblings import (
    _states,
    _wrapper_path,
    custom_classes,
    rebuild_from_config,
    sibling_layer,
)
from tests.harness.target.releases import tf

BIDIRECTIONAL_NEEDS = frozenset({"go_backwards", "return_sequences", "stateful"})
"""What Bidirectional asks of a layer that it wraps."""


@tf.keras.utils.register_keras_serializable("simplernn_verify")
class RunningSum(tf.keras.layers.Layer):
    """A layer that is no RNN, and has what Bidirectional says that it asks for."""

    def __init__(self, go_backwards=False, with_stateful=False, **more):
        super().__init__(**more)
        self.go_backwards, self.return_sequences, self.return_state = go_backwards, True, False
        self.with_stateful = with_stateful
        if with_stateful:
            self.stateful = False

    def call(self, inputs, initial_state=None, mask=None, training=None):
        return tf.cumsum(tf.reverse(inputs, [1]) if self.go_backwards else inputs, axis=1)

    def get_config(self):
        own = {"go_backwards": self.go_backwards, "with_stateful": self.with_stateful}
        return {**super().get_config(), **own}


def make_bidirectional(made, merge_mode, batch=None):
    """Bidirectional over a new layer of the same options, with its weights set."""
    forward, backward = type(made).from_config(made.get_config()), None
    if made.go_backwards:  # only then is one needed: the default one goes backwards
        config = {**made.get_config(), "go_backwards": False, "name": "backward"}
        backward = type(made).from_config(config)
    both = tf.keras.layers.Bidirectional(
        forward, merge_mode=merge_mode, backward_layer=backward, dtype=made.compute_dtype
    )
    W, U, *b = made.get_weights()
    both.build((batch, None, W.shape[0]))
    both.set_weights([W, U, *b, -W, U.T, *b])
    return both


def manual_bidirectional(made, merge_mode):
    """What `make_bidirectional` computes, from the layer and a second one."""
    W, U, *b = made.get_weights()
    other = sibling_layer(made, -W, U.T, *b, go_backwards=not made.go_backwards)
    merge = {
        "sum": tf.add,
        "mul": tf.multiply,
        "ave": lambda y, z: (y + z) / 2,
        "concat": lambda y, z: tf.concat([y, z], axis=-1),
        None: lambda y, z: [y, z],
    }[merge_mode]
    in_order = partial(tf.reverse, axis=[1]) if made.return_sequences else tf.identity
    return lambda x: merge(made(x), in_order(other(x))), [made, other]


def expected_bidirectional(case: Case, merge_mode, sequences: bool) -> list[np.ndarray]:
    """What Bidirectional gives on a case, with states, in a flat list."""
    forward = case.recurrence
    backward = replace(
        case,
        kernel=-case.kernel,
        recurrent_kernel=case.recurrent_kernel.T,
        go_backwards=not case.go_backwards,
    ).recurrence
    outputs, last, finals = bidirectional(forward, backward, case.inputs, _states(case), case.mask)
    merged = MERGES[merge_mode](*(outputs if sequences else last))
    return [*(merged if merge_mode is None else (merged,)), *finals]


def _bidirectional(merge_mode, around=None) -> Path:
    suffix, parts, share = ("-traced", (around,), 0.3) if around else ("", (), 0.5)
    return _wrapper_path(
        f"bidirectional-{str(merge_mode).lower()}{suffix}",
        lambda made: make_bidirectional(made, merge_mode),
        f"both_ways(layer, {merge_mode!r})",
        make_bidirectional,
        *parts,
        around=around,
        needs=BIDIRECTIONAL_NEEDS,
        example_fraction=share,
    )


BIDIRECTIONAL_COPIED = _wrapper_path(
    "bidirectional-copied",
    lambda made: rebuild_from_config(made, make_bidirectional(made, "sum")),
    "again(layer, both_ways(layer, 'sum'))",
    make_bidirectional,
    custom_classes,
    rebuild_from_config,
    needs=BIDIRECTIONAL_NEEDS,
    example_fraction=0.3,
)
BIDIRECTIONAL_PATHS = {
    **{_bidirectional(mode, around): mode for around in (None, dynamic_shape) for mode in MERGES},
    BIDIRECTIONAL_COPIED: "sum",
}
"""The merge mode of each such path."""
