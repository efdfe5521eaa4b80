"""Paths through RNN over two cells; the second cell takes the outputs of the first.

The second cell has the weights U^T, -U and -b of the layer.
"""

import numpy as np

from reference.wrappers import stacked
from tests.harness.cases.case import Case, replace
from tests.harness.paths.custom_cells import WrappedCell
from tests.harness.paths.execution import dynamic_shape
from tests.harness.paths.models import rnn_with_layer_options
from tests.harness.paths.siblings import (
    initial_states,
    rebuild_from_config,
    sibling_layer,
    stateful_batch_size,
    wrapper_path,
)


def make_stacked(made, wrapped=lambda cell: cell):
    """Return RNN over copies of the layer's cell with weights set; `wrapped` wraps the second."""
    one, other = (
        type(made.cell).from_config({**made.cell.get_config(), "name": name})
        for name in ("first", "second")
    )
    rnn = rnn_with_layer_options(made, [one, wrapped(other)])
    W, U, *b = made.get_weights()
    rnn.build((stateful_batch_size(made), None, W.shape[0]))
    rnn.set_weights([W, U, *b, U.T, -U, *(-v for v in b)])
    return rnn


def manual_stacked(made):
    """Return the function that `make_stacked` computes, and its two layers."""
    _, U, *b = made.get_weights()
    other = sibling_layer(made, U.T, -U, *(-v for v in b), go_backwards=False)
    return lambda x: other(made(x)), [made, other]


def expected_stacked(case: Case) -> list[np.ndarray]:
    """Return the expected results of `make_stacked` on a case, with states, in a flat list."""
    second = replace(
        case,
        kernel=case.recurrent_kernel.T,
        recurrent_kernel=-case.recurrent_kernel,
        bias=None if case.bias is None else -case.bias,
    )
    outputs, finals = stacked(
        (case.recurrence, second.recurrence), case.inputs, initial_states(case), case.mask
    )
    return [outputs, *finals]


STACKED_CELLS = wrapper_path(
    "stacked-cells",
    make_stacked,
    "make_stacked(layer)",
    make_stacked,
    needs=frozenset({"cell"}),
)


STACKED_COPIED = wrapper_path(
    "stacked-cells-copied",
    lambda made: rebuild_from_config(made, make_stacked(made)),
    "rebuild_from_config(layer, make_stacked(layer))",
    make_stacked,
    rebuild_from_config,
    needs=frozenset({"cell"}),
    example_fraction=0.3,
)


STACKED_CUSTOM = wrapper_path(
    "stacked-cells-custom",
    lambda made: make_stacked(made, WrappedCell),
    "make_stacked(layer, WrappedCell)",
    WrappedCell,
    make_stacked,
    needs=frozenset({"cell"}),
    example_fraction=0.3,
)


STACKED_TRACED = wrapper_path(
    "stacked-cells-traced",
    make_stacked,
    "make_stacked(layer)",
    make_stacked,
    around=dynamic_shape,
    needs=frozenset({"cell"}),
    example_fraction=0.3,
)


STACKED_PATHS = (STACKED_CELLS, STACKED_COPIED, STACKED_CUSTOM, STACKED_TRACED)
