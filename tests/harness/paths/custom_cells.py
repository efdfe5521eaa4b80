"""Paths that run cells of one's own in RNN: each documented form of one, around the layer's cell.

A cell of one's own does what the layer's does, in a form of its own, so that what is right is the
same for all. The source of each is printed as part of the script of a failure.
"""

from tests.harness.paths.models import NON_EMPTY_BATCHES, rnn_with_layer_options
from tests.harness.paths.path import path_from_function
from tests.harness.target.releases import KERAS_2, tf


class WrappedCell(tf.keras.layers.Layer):
    """A cell with what the documentation asks for at least: it starts from zeros."""

    def __init__(self, cell):
        super().__init__(dtype=cell.compute_dtype)
        self.cell, self.state_size = cell, cell.state_size

    def build(self, input_shape):
        if not self.cell.built:
            self.cell.build(input_shape)

    def call(self, inputs, states):
        return self.cell(inputs, states)


def cell_without_initial_state(made):
    """A cell without `get_initial_state` and without `output_size`."""
    return rnn_with_layer_options(made, WrappedCell(made.cell))


class CellWithInitialState(WrappedCell):
    """A cell that starts from a state of its own, where it is given one."""

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        zeros = tf.zeros((batch_size, self.state_size), self.compute_dtype)
        return zeros if self.start is None else self.start


def cell_with_initial_state(made):
    """The initial state of a call is that from which the cell chooses to start."""

    def call(x, initial_state=None, **more):
        cell = CellWithInitialState(made.cell)
        cell.start = initial_state and initial_state[0]
        return rnn_with_layer_options(made, cell)(x, **more)

    return call


class PlainCell:
    """A cell that is no layer, and has what the documentation lists."""

    def __init__(self, cell):
        self.cell, self.state_size, self.output_size = cell, cell.state_size, cell.state_size

    def call(self, inputs, states):
        return self.cell(inputs, states)

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        return tf.zeros((batch_size, self.state_size), self.cell.compute_dtype)


def non_layer_cell(made):
    return rnn_with_layer_options(made, PlainCell(made.cell))


class TwoStateCell(WrappedCell):
    """A cell with the states h and (-h, 0), of units and of units + 1, and h for its output."""

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
    """Its output is of the size of its first state, as the documentation has it."""

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
    """A cell whose state is of shape (units, 1), and its output of shape (1, units)."""

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
    """Half of the inputs, which the cell doubles: that loses no digit."""

    def call(x, **more):
        constant = 2 * tf.ones_like(x[:, 0])
        rnn = rnn_with_layer_options(made, CellWithConstants(made.cell))
        return rnn(x / 2, constants=[constant], **more)

    return call


def _path(call, *parts):
    return path_from_function(
        call, rnn_with_layer_options, *parts, needs=frozenset({"cell"}), choices=NON_EMPTY_BATCHES
    )


CUSTOM_CELL_PATHS = (
    _path(cell_without_initial_state, WrappedCell),
    _path(cell_with_initial_state, WrappedCell, CellWithInitialState),
    _path(non_layer_cell, PlainCell),
    _path(two_state_cell, WrappedCell, TwoStateCell),
)
KERAS_2_CELL_PATHS = (
    (
        _path(matrix_state_cell, WrappedCell, MatrixStateCell),
        _path(cell_with_constants, WrappedCell, CellWithConstants),
    )
    if KERAS_2
    else ()
)
"""The forms of cells that Keras 3 documents no longer."""


STACKABLE_CELLS = {
    "the layer's": lambda cell: cell,
    "one state": WrappedCell,
    "two states": TwoStateCell,
    "two states without output_size": CellWithoutOutputSize,
}
CUSTOM_CELLS = STACKABLE_CELLS | ({"two dimensions": MatrixStateCell} if KERAS_2 else {})
"""Cells made of the layer's that differ in how the shape of their output is to be found."""
