"""Paths that wrap the layer: Bidirectional in each merge mode, and cells on top of each other.

The other direction, and the second cell, get weights made of the layer's own: -W and U^T, and
U^T, -U and -b. The case that stands for them is made in the same way.
"""

import numpy as np

from reference.wrappers import MERGES, bidirectional, stacked
from tests.harness.cases import Case, replace
from tests.harness.copies import BATCHES
from tests.harness.paths import Path
from tests.harness.releases import tf


def wrapped_in_bidirectional(made, merge_mode):
    """The results of Bidirectional in a flat list; the initial state of the backward layer is
    minus that of the forward layer."""

    def call(x, initial_state=None, mask=None):
        forward, backward = type(made).from_config(made.get_config()), None
        if made.go_backwards:  # only then is one needed: the default one goes backwards
            config = {**made.get_config(), "go_backwards": False, "name": "backward"}
            backward = type(made).from_config(config)
        both = tf.keras.layers.Bidirectional(
            forward, merge_mode=merge_mode, backward_layer=backward, dtype=made.compute_dtype
        )
        W, U, *b = made.get_weights()
        both.build((None, None, W.shape[0]))
        both.set_weights([W, U, *b, -W, U.T, *b])
        more = {} if mask is None else {"mask": mask}
        if initial_state is not None:
            more["initial_state"] = [initial_state[0], -initial_state[0]]
        return tf.nest.flatten(both(x, **more))

    return call


def stacked_on_itself(made):
    """The results of RNN over two cells in a flat list; the initial state of the second is minus
    that of the first."""

    def call(x, initial_state=None, mask=None):
        cells = []
        for name in ("first", "second"):
            config = {**made.cell.get_config(), "name": name}
            cells.append(type(made.cell).from_config(config))
        rnn = tf.keras.layers.RNN(
            cells,
            return_sequences=True,
            return_state=True,
            go_backwards=made.go_backwards,
            zero_output_for_mask=made.zero_output_for_mask,
            dtype=made.compute_dtype,
        )
        W, U, *b = made.get_weights()
        rnn.build((None, None, W.shape[0]))
        rnn.set_weights([W, U, *b, U.T, -U, *(-v for v in b)])
        more = {} if mask is None else {"mask": mask}
        if initial_state is not None:
            more["initial_state"] = [initial_state[0], -initial_state[0]]
        return tf.nest.flatten(rnn(x, **more))

    return call


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


BIDIRECTIONAL = {
    Path(
        f"bidirectional-{mode}",
        lambda made, mode=mode: wrapped_in_bidirectional(made, mode),
        f"wrapped_in_bidirectional(layer, {mode!r})(x, **more)",
        parts=(wrapped_in_bidirectional,),
        needs=frozenset({"go_backwards"}),
        choices=BATCHES,
        share=0.5,
    ): mode
    for mode in MERGES
}
"""The merge mode of each such path."""

STACKED = Path(
    "stacked cells",
    stacked_on_itself,
    "stacked_on_itself(layer)(x, **more)",
    needs=frozenset({"cell"}),
    choices=BATCHES,
)
