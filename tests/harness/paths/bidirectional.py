"""Paths through Bidirectional in each merge mode.

The layer is the forward direction. The backward direction has the weights -W, U^T and b.
"""

from functools import partial

import numpy as np

from reference.recurrence import Recurrence
from reference.wrappers import MERGES, bidirectional
from tests.harness.cases.case import Case, replace
from tests.harness.paths.execution import dynamic_shape
from tests.harness.paths.path import Path
from tests.harness.paths.siblings import (
    initial_states,
    rebuild_from_config,
    sibling_layer,
    wrapper_path,
)
from tests.harness.target.releases import tf

BIDIRECTIONAL_NEEDS = frozenset({"go_backwards", "return_sequences", "stateful"})
"""The features that Bidirectional requires of the layer."""


@tf.keras.utils.register_keras_serializable("simplernn_verify")
class RunningSum(tf.keras.layers.Layer):
    """A layer that is not an RNN, with the attributes that Bidirectional requires."""

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
    """Return Bidirectional over copies of the layer, with its weights set."""
    forward, backward = type(made).from_config(made.get_config()), None
    if made.go_backwards:  # the default backward layer has go_backwards=True
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
    """Return the function that `make_bidirectional` computes, and its two layers."""
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


def _directions(case: Case) -> tuple[Recurrence, Recurrence]:
    """Return the recurrences of the two layers of `make_bidirectional`."""
    backward = replace(
        case,
        kernel=-case.kernel,
        recurrent_kernel=case.recurrent_kernel.T,
        go_backwards=not case.go_backwards,
    )
    return case.recurrence, backward.recurrence


def expected_bidirectional(case: Case, merge_mode, sequences: bool) -> list[np.ndarray]:
    """Return the expected results of Bidirectional on a case, with states, in a flat list."""
    states = initial_states(case)
    outputs, last, finals = bidirectional(*_directions(case), case.inputs, states, case.mask)
    merged = MERGES[merge_mode](*(outputs if sequences else last))
    return [*(merged if merge_mode is None else (merged,)), *finals]


def bidirectional_in_two_calls(made):
    """Return the outputs of two calls of a stateful Bidirectional: the first step, and the rest."""
    both = make_bidirectional(made, "concat", made.states[0].shape[0])

    def call(x, **more):
        parts = (slice(0, 1), slice(1, None))
        return [both(x[:, at], **{n: v[:, at] for n, v in more.items()}) for at in parts]

    return call


def expected_in_two_calls(case: Case) -> list[np.ndarray]:
    """Return the expected outputs of both calls: each direction carries its state over."""
    states, found = (None, None), []
    for at in (slice(0, 1), slice(1, None)):
        mask = None if case.mask is None else case.mask[:, at]
        outputs, _, states = bidirectional(*_directions(case), case.inputs[:, at], states, mask)
        found.append(MERGES["concat"](*outputs))
    return found


def _bidirectional(merge_mode, around=None) -> Path:
    suffix, share = ("-traced", 0.3) if around else ("", 0.5)
    return wrapper_path(
        f"bidirectional-{str(merge_mode).lower()}{suffix}",
        lambda made: make_bidirectional(made, merge_mode),
        f"make_bidirectional(layer, {merge_mode!r})",
        make_bidirectional,
        around=around,
        needs=BIDIRECTIONAL_NEEDS,
        example_fraction=share,
    )


BIDIRECTIONAL_COPIED = wrapper_path(
    "bidirectional-copied",
    lambda made: rebuild_from_config(made, make_bidirectional(made, "sum")),
    "rebuild_from_config(layer, make_bidirectional(layer, 'sum'))",
    make_bidirectional,
    rebuild_from_config,
    needs=BIDIRECTIONAL_NEEDS,
    example_fraction=0.3,
)
BIDIRECTIONAL_PATHS = {
    **{_bidirectional(mode, around): mode for around in (None, dynamic_shape) for mode in MERGES},
    BIDIRECTIONAL_COPIED: "sum",
}
"""The merge mode of each path."""


def _in_two_calls(name: str, *options, **more) -> Path:
    return Path(
        name,
        lambda made: bidirectional_in_two_calls(made),
        "bidirectional_in_two_calls(layer)(x, **more)",
        unsupported=frozenset({"initial_state"}),
        options=(("stateful", True), *options),
        needs=BIDIRECTIONAL_NEEDS,
        helpers=(bidirectional_in_two_calls,),
        returns_state=False,
        example_fraction=0.5,
        **more,
    )


STATEFUL_DIRECTIONS = (
    _in_two_calls("bidirectional-stateful"),
    _in_two_calls("bidirectional-stateful-unrolled", ("unroll", True)),
)
