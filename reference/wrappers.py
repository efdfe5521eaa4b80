"""What is built around the recurrence: two directions, and cells on top of each other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reference.recurrence import Recurrence

MERGES = {
    "sum": np.add,
    "mul": np.multiply,
    "ave": lambda y, z: (y + z) / 2,
    "concat": lambda y, z: np.concatenate([y, z], axis=-1),
    None: lambda y, z: (y, z),
}
"""What `merge_mode` makes of the outputs of two directions; None leaves them a pair."""


def bidirectional(forward: Recurrence, backward: Recurrence, inputs, states, mask=None):
    """Outputs (batch, time, units), last outputs (batch, units) and final states, each a pair.

    The backward outputs are put into the order of the forward ones. "When `return_sequences` is
    `True`, the output of the masked timestep will be zero"; the last outputs, which are what comes
    without sequences, are not zeroed.
    """
    zeroed, last, finals = [], [], []
    for recurrence, state in zip((forward, backward), states, strict=True):
        of = replace(recurrence, zero_output_for_mask=True)
        zeroed.append(of.run(inputs, state, mask)[0])
        of = replace(recurrence, zero_output_for_mask=False)
        outputs, final = of.run(inputs, state, mask)
        last.append(outputs[:, -1])
        finals.append(final)
    return (zeroed[0], zeroed[1][:, ::-1]), tuple(last), tuple(finals)


def stacked(cells: Sequence[Recurrence], inputs, states, mask=None):
    """Outputs (batch, time, units) of the last cell, and the final state (batch, units) of each.

    "The cells will be stacked on top of each other": at each step a cell takes what the one below
    it gives. The direction is that of the first.
    """
    sequence = cells[0].in_order(inputs)
    mask = None if mask is None else cells[0].in_order(mask)
    finals = []
    for cell, state in zip(cells, states, strict=True):
        sequence, final = replace(cell, go_backwards=False).run(sequence, state, mask)
        finals.append(final)
    return sequence, finals
