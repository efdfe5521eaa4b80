"""Paths that wrap the layer: Bidirectional in each merge mode, and cells on top of each other.

The other direction, and the second cell, get weights made of the layer's own: -W and U^T, and
U^T, -U and -b. The case that stands for them is made in the same way.
"""

import numpy as np

from reference.wrappers import MERGES, bidirectional, stacked
from tests.harness.cases import Case, replace
from tests.harness.cells import Own
from tests.harness.copies import BATCHES, rnn_like
from tests.harness.paths import Path
from tests.harness.releases import tf, variable


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


def again(made, wrapper):
    """A wrapper of the layer, made again from its configuration, with the same weights."""
    known = [type(made), type(getattr(made, "cell", made))]
    with tf.keras.utils.custom_object_scope({kind.__name__: kind for kind in known}):
        copy = type(wrapper).from_config(wrapper.get_config())
    copy.build((None, None, made.get_weights()[0].shape[0]))
    copy.set_weights(wrapper.get_weights())
    return copy


def wrapped_in_bidirectional(made, merge_mode, copied=False):
    """The results of Bidirectional, or of a copy of it, in a flat list; the initial state of the
    backward layer is minus that of the forward layer."""

    def call(x, initial_state=None, mask=None):
        both = both_ways(made, merge_mode)
        both = again(made, both) if copied else both
        more = {} if mask is None else {"mask": mask}
        if initial_state is not None:
            more["initial_state"] = [initial_state[0], -initial_state[0]]
        return tf.nest.flatten(both(x, **more))

    return call


def two_cells(made, second=lambda cell: cell):
    """RNN over the layer's cell and what `second` makes of another one, with its weights set."""
    one, other = (
        type(made.cell).from_config({**made.cell.get_config(), "name": name})
        for name in ("first", "second")
    )
    rnn = rnn_like(made, [one, second(other)])
    W, U, *b = made.get_weights()
    rnn.build((None, None, W.shape[0]))
    rnn.set_weights([W, U, *b, U.T, -U, *(-v for v in b)])
    return rnn


def stacked_on_itself(made, wrap=lambda rnn: rnn, second=lambda cell: cell):
    """The results of what `wrap` makes of RNN over two cells, in a flat list; the initial state of
    the second is minus that of the first."""

    def call(x, initial_state=None, mask=None):
        more = {} if mask is None else {"mask": mask}
        if initial_state is not None:
            more["initial_state"] = [initial_state[0], -initial_state[0]]
        return tf.nest.flatten(wrap(two_cells(made, second))(x, **more))

    return call


def second(made, backwards: bool, features: int, *weights):
    """Another layer of the same options, with these weights, in a direction of its own."""
    config = {**made.get_config(), "go_backwards": backwards, "name": "second"}
    other = type(made).from_config(config)
    other.build((batch_of(made), None, features))
    other.set_weights(weights)
    return other


def batch_of(made) -> int | None:
    """The batch size of a stateful layer."""
    return made.states[0].shape[0] if made.stateful else None


def both_by_hand(made, merge_mode):
    """What `both_ways` computes, from the layer and a second one."""
    W, U, *b = made.get_weights()
    other = second(made, not made.go_backwards, W.shape[0], -W, U.T, *b)
    merge = {
        "sum": tf.add,
        "mul": tf.multiply,
        "ave": lambda y, z: (y + z) / 2,
        "concat": lambda y, z: tf.concat([y, z], axis=-1),
        None: lambda y, z: [y, z],
    }[merge_mode]
    return lambda x: merge(made(x), tf.reverse(other(x), [1])), [made, other]


def stacked_by_hand(made):
    """What `two_cells` computes, from the layer and a second one."""
    _, U, *b = made.get_weights()
    other = second(made, False, U.shape[0], U.T, -U, *(-v for v in b))
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


def _bidirectional(name: str, merge_mode, copied: bool = False) -> Path:
    return Path(
        f"bidirectional-{name}",
        lambda made: wrapped_in_bidirectional(made, merge_mode, copied),
        f"wrapped_in_bidirectional(layer, {merge_mode!r}, {copied})(x, **more)",
        parts=(both_ways, again, wrapped_in_bidirectional),
        needs=frozenset({"go_backwards"}),
        choices=BATCHES,
        share=0.2 if copied else 0.5,
    )


BIDIRECTIONAL = {
    **{_bidirectional(str(mode), mode): mode for mode in MERGES},
    _bidirectional("copied", "sum", copied=True): "sum",
}
"""The merge mode of each such path."""


STACKED = Path(
    "stacked cells",
    stacked_on_itself,
    "stacked_on_itself(layer)(x, **more)",
    parts=(rnn_like, two_cells),
    needs=frozenset({"cell"}),
    choices=BATCHES,
)
STACKED_COPIED = replace(
    STACKED,
    name="stacked cells-copied",
    call=lambda made: stacked_on_itself(made, lambda rnn: again(made, rnn)),
    expression="stacked_on_itself(layer, lambda rnn: again(layer, rnn))(x, **more)",
    parts=(rnn_like, two_cells, again, stacked_on_itself),
    share=0.2,
)
STACKED_OWN = replace(
    STACKED,
    name="stacked cells-one's own",
    call=lambda made: stacked_on_itself(made, second=Own),
    expression="stacked_on_itself(layer, second=Own)(x, **more)",
    parts=(rnn_like, Own, two_cells, stacked_on_itself),
    share=0.2,
)
ON_EACH_OTHER = (STACKED, STACKED_COPIED, STACKED_OWN)
