"""Paths that run custom cells in RNN: each documented form of a cell, around the layer's cell.

A custom cell computes what the layer's cell computes, so the expected results are those of the
layer. The script of a failure prints the source of the cell.
"""

from tests.harness.paths.models import NON_EMPTY_BATCHES, rnn_with_layer_options
from tests.harness.paths.path import path_from_function
from tests.harness.target.releases import KERAS_2, tf


class WrappedCell(tf.keras.layers.Layer):
    """A cell with the required methods and attributes only; it starts from zeros."""

    def __init__(self, cell):
        super().__init__(dtype=cell.compute_dtype)
        self.cell, self.state_size = cell, cell.state_size

    def build(self, input_shape):
        if not self.cell.built:
            self.cell.build(input_shape)

    def call(self, inputs, states):
        return self.cell(inputs, states)


def cell_without_initial_state(made):
    """Return RNN of a cell without `get_initial_state` and `output_size`."""
    return rnn_with_layer_options(made, WrappedCell(made.cell))


class CellWithInitialState(WrappedCell):
    """A cell that starts from its attribute `start`, unless that is None."""

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        zeros = tf.zeros((batch_size, self.state_size), self.compute_dtype)
        return zeros if self.start is None else self.start


def cell_with_initial_state(made):
    """Return RNN of a cell whose `get_initial_state` returns the initial state of the call."""

    def call(x, initial_state=None, **more):
        cell = CellWithInitialState(made.cell)
        cell.start = initial_state and initial_state[0]
        return rnn_with_layer_options(made, cell)(x, **more)

    return call


class PlainCell:
    """A cell that is not a layer, with the documented methods and attributes."""

    def __init__(self, cell):
        self.cell, self.state_size, self.output_size = cell, cell.state_size, cell.state_size

    def call(self, inputs, states):
        return self.cell(inputs, states)

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        return tf.zeros((batch_size, self.state_size), self.cell.compute_dtype)


def non_layer_cell(made):
    return rnn_with_layer_options(made, PlainCell(made.cell))


class TwoStateCell(WrappedCell):
    """A cell with the states h (batch, units) and (-h, 0) (batch, units + 1), and the output h."""

    def __init__(self, cell):
        super().__init__(cell)
        self.output_size = cell.state_size
        self.state_size = [cell.state_size, cell.state_size + 1]

    def call(self, inputs, states):
        output, _ = self.cell(inputs, [self.joined_state(states)])
        return output, self.split(output)

    def split(self, h):
        return [h, tf.pad(-h, [[0, 0], [0, 1]])]

    def joined_state(self, states):
        return (states[0] - states[1][:, :-1]) / 2


class CellWithoutOutputSize(TwoStateCell):
    """A cell whose output has the size of its first state, as the documentation says."""

    def __init__(self, cell):
        super().__init__(cell)
        del self.output_size


def two_state_cell(made):
    def call(x, initial_state=None, **more):
        cell = TwoStateCell(made.cell)
        if initial_state is not None:
            more["initial_state"] = cell.split(initial_state[0])
        outputs, *states = rnn_with_layer_options(made, cell)(x, **more)
        return outputs, cell.joined_state(states)

    return call


class MatrixStateCell(WrappedCell):
    """A cell whose state has the shape (units, 1), and its output the shape (1, units)."""

    def __init__(self, cell):
        super().__init__(cell)
        self.state_size = tf.TensorShape([cell.state_size, 1])
        self.output_size = tf.TensorShape([1, cell.state_size])

    def call(self, inputs, states):
        output, _ = self.cell(inputs, [states[0][:, :, 0]])
        return output[:, None], [output[:, :, None]]


def matrix_state_cell(made):
    def call(x, initial_state=None, **more):
        if initial_state is not None:
            more["initial_state"] = [initial_state[0][:, :, None]]
        outputs, state = rnn_with_layer_options(made, MatrixStateCell(made.cell))(x, **more)
        return outputs[:, :, 0], state[:, :, 0]

    return call


class CellWithConstants(WrappedCell):
    """A cell that multiplies its inputs by a constant."""

    def call(self, inputs, states, constants):
        return self.cell(inputs * constants[0], states)


def cell_with_constants(made):
    """Return RNN that takes half of the inputs, which its cell doubles; this is exact."""

    def call(x, **more):
        constant = 2 * tf.ones_like(x[:, 0])
        rnn = rnn_with_layer_options(made, CellWithConstants(made.cell))
        return rnn(x / 2, constants=[constant], **more)

    return call


def _path(call):
    return path_from_function(call, needs=frozenset({"cell"}), choices=NON_EMPTY_BATCHES)


CUSTOM_CELL_PATHS = (
    _path(cell_without_initial_state),
    _path(cell_with_initial_state),
    _path(non_layer_cell),
    _path(two_state_cell),
)
KERAS_2_CELL_PATHS = (
    (
        _path(matrix_state_cell),
        _path(cell_with_constants),
    )
    if KERAS_2
    else ()
)
"""The paths of the forms of cells that only Keras 2 documents."""


STACKABLE_CELLS = {
    "the layer's": lambda cell: cell,
    "one state": WrappedCell,
    "two states": TwoStateCell,
    "two states without output_size": CellWithoutOutputSize,
}
CUSTOM_CELLS = STACKABLE_CELLS | ({"two dimensions": MatrixStateCell} if KERAS_2 else {})
"""Custom cells around the layer's cell, which differ in how they state their output shape."""
