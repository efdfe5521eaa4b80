"""Paths through an RNN over two cells, of which the second takes the outputs of the first."""

import numpy as np

from reference.wrappers import stacked
from tests.harness.cases.case import Case, replace
from tests.harness.paths.custom_cells import WrappedCell
from tests.harness.paths.execution import dynamic_shape
from tests.harness.paths.models import rnn_with_layer_options
from tests.harness.paths.siblings import (
    _states,
    _wrapper_path,
    custom_classes,
    rebuild_from_config,
    sibling_layer,
    stateful_batch_size,
)


def make_stacked(made, wrapped=lambda cell: cell):
    """RNN over the layer's cell and another one, wrapped, with its weights set."""
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
    """What `make_stacked` computes, from the layer and a second one."""
    _, U, *b = made.get_weights()
    other = sibling_layer(made, U.T, -U, *(-v for v in b), go_backwards=False)
    return lambda x: other(made(x)), [made, other]


def expected_stacked(case: Case) -> list[np.ndarray]:
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


STACKED_CELLS = _wrapper_path(
    "stacked-cells",
    make_stacked,
    "two_cells(layer)",
    rnn_with_layer_options,
    stateful_batch_size,
    make_stacked,
    needs=frozenset({"cell"}),
)


STACKED_COPIED = _wrapper_path(
    "stacked-cells-copied",
    lambda made: rebuild_from_config(made, make_stacked(made)),
    "again(layer, two_cells(layer))",
    rnn_with_layer_options,
    stateful_batch_size,
    make_stacked,
    custom_classes,
    rebuild_from_config,
    needs=frozenset({"cell"}),
    example_fraction=0.3,
)


STACKED_CUSTOM = _wrapper_path(
    "stacked-cells-custom",
    lambda made: make_stacked(made, WrappedCell),
    "two_cells(layer, Own)",
    rnn_with_layer_options,
    WrappedCell,
    stateful_batch_size,
    make_stacked,
    needs=frozenset({"cell"}),
    example_fraction=0.3,
)


STACKED_TRACED = _wrapper_path(
    "stacked-cells-traced",
    make_stacked,
    "two_cells(layer)",
    rnn_with_layer_options,
    stateful_batch_size,
    make_stacked,
    dynamic_shape,
    around=dynamic_shape,
    needs=frozenset({"cell"}),
    example_fraction=0.3,
)


STACKED_PATHS = (STACKED_CELLS, STACKED_COPIED, STACKED_CUSTOM, STACKED_TRACED)
