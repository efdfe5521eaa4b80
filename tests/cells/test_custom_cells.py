"""Custom cells in RNN."""

import pytest

from tests.harness.compare.runs import assert_run
from tests.harness.paths import custom_cells
from tests.harness.paths.models import rnn_with_layer_options
from tests.harness.probes.wrappers import X, assert_computed_shapes
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.calls import layer_call


@generated(
    "RNN",
    "A RNN cell is a class that has: A `call(input_at_t, states_at_t)` method, returning "
    "`(output_at_t, states_at_t_plus_1)`. A `state_size` attribute. This can be a single integer "
    "... This can also be a list/tuple of integers (one size per state). ... If "
    "[`get_initial_state`] is not implemented by the cell, the RNN layer will create a zero filled "
    "tensor with shape `(batch_size, cell.state_size)`.",
    paths=(*custom_cells.CUSTOM_CELL_PATHS, *custom_cells.KERAS_2_CELL_PATHS),
    case_cost=3,
)
def test_custom_cell_matches_the_builtin_cell(case, path):
    assert_run(path.run(case), case)


@pytest.mark.parametrize("kind", custom_cells.CUSTOM_CELLS)
@example(
    "RNN",
    "A `output_size` attribute, a single integer. ... if this attribute is not available for the "
    "cell, the value will be inferred by the first element of the `state_size`.",
    needs={"cell"},
)
def test_shapes_are_computed_for_custom_cells(kind):
    with layer_call():
        made = layer.under_test().build(4, 2)
        assert_computed_shapes(
            rnn_with_layer_options(made, custom_cells.CUSTOM_CELLS[kind](made.cell)), X
        )
