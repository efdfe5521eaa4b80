"""Paths that wrap the layer: Bidirectional in each merge mode, and cells on top of each other.

The other direction, and the second cell, get weights made of the layer's own: -W and U^T, and
U^T, -U and -b. The case that stands for them is made in the same way.
"""

from functools import partial

import numpy as np

from reference.wrappers import MERGES, bidirectional, stacked
from tests.harness.cases import Case, replace
from tests.harness.cells import Own
from tests.harness.copies import BATCHES, rnn_like
from tests.harness.paths import Path, eager, unknown
from tests.harness.releases import tf, variable

BOTH = frozenset({"go_backwards", "return_sequences", "stateful"})
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


def both_ways(made, merge_mode, batch=None):
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


def classes(made) -> dict[str, type]:
    """The classes of the layer and its cell, by name, for those that Keras does not know."""
    return {type(part).__name__: type(part) for part in (made, getattr(made, "cell", made))}


def again(made, wrapper):
    """A wrapper of the layer, made again from its configuration, with the same weights."""
    copy = type(wrapper).from_config(wrapper.get_config(), custom_objects=classes(made))
    copy.build((None, None, made.get_weights()[0].shape[0]))
    copy.set_weights(wrapper.get_weights())
    return copy


def two_cells(made, wrapped=lambda cell: cell):
    """RNN over the layer's cell and another one, wrapped, with its weights set."""
    one, other = (
        type(made.cell).from_config({**made.cell.get_config(), "name": name})
        for name in ("first", "second")
    )
    rnn = rnn_like(made, [one, wrapped(other)])
    W, U, *b = made.get_weights()
    rnn.build((batch_of(made), None, W.shape[0]))
    rnn.set_weights([W, U, *b, U.T, -U, *(-v for v in b)])
    return rnn


def with_two_states(wrapper):
    """The results of a wrapper of two layers or cells, in a flat list; the initial state of the
    second is minus that of the first."""

    def call(x, initial_state=None, **more):
        if initial_state is not None:
            more["initial_state"] = [initial_state[0], -initial_state[0]]
        return tf.nest.flatten(wrapper(x, **more))

    return call


def another(made, *weights, **changes):
    """A layer of the same configuration but for the changes, with these weights."""
    other = type(made).from_config({**made.get_config(), "name": "another", **changes})
    other.build((batch_of(made), None, weights[0].shape[0]))
    other.set_weights(weights)
    return other


def batch_of(made) -> int | None:
    """The batch size of a stateful layer."""
    return made.states[0].shape[0] if getattr(made, "stateful", False) else None


def both_by_hand(made, merge_mode):
    """What `both_ways` computes, from the layer and a second one."""
    W, U, *b = made.get_weights()
    other = another(made, -W, U.T, *b, go_backwards=not made.go_backwards)
    merge = {
        "sum": tf.add,
        "mul": tf.multiply,
        "ave": lambda y, z: (y + z) / 2,
        "concat": lambda y, z: tf.concat([y, z], axis=-1),
        None: lambda y, z: [y, z],
    }[merge_mode]
    in_order = partial(tf.reverse, axis=[1]) if made.return_sequences else tf.identity
    return lambda x: merge(made(x), in_order(other(x))), [made, other]


def stacked_by_hand(made):
    """What `two_cells` computes, from the layer and a second one."""
    _, U, *b = made.get_weights()
    other = another(made, U.T, -U, *(-v for v in b), go_backwards=False)
    return lambda x: other(made(x)), [made, other]


def gradients_through(call, layers, x) -> list[np.ndarray]:
    """Results of a call, and the gradients of their weighted sum to its inputs and all weights."""
    weights = [variable(w) for one in layers for w in one.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(x)
        results = tf.nest.flatten(call(x))
        total = tf.add_n(
            [tf.reduce_sum(r[0] * (1.0 + i) + r[1] * (3.0 + i)) for i, r in enumerate(results)]
        )
    return [*results, *tape.gradient(total, [x, *weights])]


def _states(case: Case):
    state = case.initial_state
    return (None, None) if state is None else (state, -state)


def both_directions(case: Case, merge_mode, sequences: bool) -> list[np.ndarray]:
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


def one_on_the_other(case: Case) -> list[np.ndarray]:
    """What RNN over the case's cell and a second one gives, with states, in a flat list."""
    second = replace(
        case,
        kernel=case.recurrent_kernel.T,
        recurrent_kernel=-case.recurrent_kernel,
        bias=None if case.bias is None else -case.bias,
    )
    outputs, finals = stacked(
        (case.recurrence, second.recurrence), case.inputs, _states(case), case.mask
    )
    return [outputs, *finals]


def _of_two(name: str, make, expression: str, *parts, around=None, **more) -> Path:
    """The path of a wrapper, made by `make`, of two layers or cells; around: how it is run, unless
    eager; parts and more as in Path."""
    run = f"with_two_states({expression})"
    return Path(
        name,
        lambda made: (around or eager)(with_two_states(make(made))),
        f"{around.__name__}({run})(x, **more)" if around else f"{run}(x, **more)",
        parts=(*parts, with_two_states),
        choices=BATCHES,
        **more,
    )


def _bidirectional(merge_mode, around=None) -> Path:
    suffix, parts, share = ("-traced", (around,), 0.3) if around else ("", (), 0.5)
    return _of_two(
        f"bidirectional-{merge_mode}{suffix}",
        lambda made: both_ways(made, merge_mode),
        f"both_ways(layer, {merge_mode!r})",
        both_ways,
        *parts,
        around=around,
        needs=BOTH,
        share=share,
    )


BIDIRECTIONAL_COPIED = _of_two(
    "bidirectional-copied",
    lambda made: again(made, both_ways(made, "sum")),
    "again(layer, both_ways(layer, 'sum'))",
    both_ways,
    classes,
    again,
    needs=BOTH,
    share=0.3,
)
BIDIRECTIONAL = {
    **{_bidirectional(mode, around): mode for around in (None, unknown) for mode in MERGES},
    BIDIRECTIONAL_COPIED: "sum",
}
"""The merge mode of each such path."""


STACKED = _of_two(
    "stacked cells",
    two_cells,
    "two_cells(layer)",
    rnn_like,
    batch_of,
    two_cells,
    needs=frozenset({"cell"}),
)
STACKED_COPIED = _of_two(
    "stacked cells-copied",
    lambda made: again(made, two_cells(made)),
    "again(layer, two_cells(layer))",
    rnn_like,
    batch_of,
    two_cells,
    classes,
    again,
    needs=frozenset({"cell"}),
    share=0.3,
)
STACKED_OWN = _of_two(
    "stacked cells-one's own",
    lambda made: two_cells(made, Own),
    "two_cells(layer, Own)",
    rnn_like,
    Own,
    batch_of,
    two_cells,
    needs=frozenset({"cell"}),
    share=0.3,
)
STACKED_TRACED = _of_two(
    "stacked cells-traced",
    two_cells,
    "two_cells(layer)",
    rnn_like,
    batch_of,
    two_cells,
    unknown,
    around=unknown,
    needs=frozenset({"cell"}),
    share=0.3,
)
ON_EACH_OTHER = (STACKED, STACKED_COPIED, STACKED_OWN, STACKED_TRACED)
