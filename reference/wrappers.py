"""Compositions of recurrences: two directions, and stacked cells."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from reference.recurrence import Recurrence

MERGES: dict[str | None, Callable] = {
    "sum": np.add,
    "mul": np.multiply,
    "ave": lambda y, z: (y + z) / 2,
    "concat": lambda y, z: np.concatenate([y, z], axis=-1),
    None: lambda y, z: (y, z),
}
"""How each `merge_mode` combines the outputs of two directions; None returns them as a pair."""


def bidirectional(forward: Recurrence, backward: Recurrence, inputs, states, mask=None):
    """Return outputs (batch, time, units), last outputs (batch, units) and final states.

    Each is a pair: forward, backward. inputs and mask: as in `Recurrence.run`. states: the pair of
    initial states. The backward outputs are in the order of the forward outputs. "When
    `return_sequences` is `True`, the output of the masked timestep will be zero". The last outputs,
    which Bidirectional returns without `return_sequences`, are not zeroed.
    """
    zeroed, last, finals = [], [], []
    for recurrence, state in zip((forward, backward), states, strict=True):
        zeroing = replace(recurrence, zero_output_for_mask=True)
        zeroed.append(zeroing.run(inputs, state, mask)[0])
        repeating = replace(recurrence, zero_output_for_mask=False)
        outputs, final = repeating.run(inputs, state, mask)
        last.append(outputs[:, -1])
        finals.append(final)
    return (zeroed[0], zeroed[1][:, ::-1]), tuple(last), tuple(finals)


def stacked(cells: Sequence[Recurrence], inputs, states, mask=None):
    """Return the outputs (batch, time, units) of the last cell, and the final state of each cell.

    "The cells will be stacked on top of each other": the outputs of each cell are the inputs of the
    next one. The direction is that of the first cell. inputs and mask: as in `Recurrence.run`.
    states: one initial state (batch, units) per cell, as the final states.
    """
    sequence = cells[0].in_order(inputs)
    mask = None if mask is None else cells[0].in_order(mask)
    finals = []
    for cell, state in zip(cells, states, strict=True):
        sequence, final = replace(cell, go_backwards=False).run(sequence, state, mask)
        finals.append(final)
    return sequence, finals
