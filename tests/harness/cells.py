"""Paths that run cells of one's own in RNN: each documented form of one, around the layer's cell.

A cell of one's own does what the layer's does, in a form of its own, so that what is right is the
same for all. The source of each is printed as part of the script of a failure.
"""

from tests.harness.copies import BATCHES, rnn_like
from tests.harness.paths import through
from tests.harness.releases import KERAS_2, tf


class Own(tf.keras.layers.Layer):
    """A cell with what the documentation asks for at least: it starts from zeros."""

    def __init__(self, cell):
        super().__init__(dtype=cell.compute_dtype)
        self.cell, self.state_size = cell, cell.state_size

    def build(self, input_shape):
        if not self.cell.built:
            self.cell.build(input_shape)

    def call(self, inputs, states):
        return self.cell(inputs, states)


def cell_without_start(made):
    """A cell without `get_initial_state` and without `output_size`."""
    return rnn_like(made, Own(made.cell))


class Starting(Own):
    """A cell that starts from a state of its own, where it is given one."""

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        zeros = tf.zeros((batch_size, self.state_size), self.compute_dtype)
        return zeros if self.start is None else self.start


def cell_with_start(made):
    """The initial state of a call is that from which the cell chooses to start."""

    def call(x, initial_state=None, **more):
        cell = Starting(made.cell)
        cell.start = initial_state and initial_state[0]
        return rnn_like(made, cell)(x, **more)

    return call


class PlainCell:
    """A cell that is no layer, and has what the documentation lists."""

    def __init__(self, cell):
        self.cell, self.state_size, self.output_size = cell, cell.state_size, cell.state_size

    def call(self, inputs, states):
        return self.cell(inputs, states)

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        return tf.zeros((batch_size, self.state_size), self.cell.compute_dtype)


def cell_that_is_no_layer(made):
    return rnn_like(made, PlainCell(made.cell))


class TwoStates(Own):
    """A cell with the states h and (-h, 0), of units and of units + 1, and h for its output."""

    def __init__(self, cell):
        super().__init__(cell)
        self.output_size = cell.state_size
        self.state_size = [cell.state_size, cell.state_size + 1]

    def call(self, inputs, states):
        output, _ = self.cell(inputs, [self.joined(states)])
        return output, self.split(output)

    def split(self, h):
        return [h, tf.pad(-h, [[0, 0], [0, 1]])]

    def joined(self, states):
        return (states[0] - states[1][:, :-1]) / 2


class WithoutOutputSize(TwoStates):
    """Its output is of the size of its first state, as the documentation has it."""

    def __init__(self, cell):
        super().__init__(cell)
        del self.output_size


def cell_of_two_states(made):
    def call(x, initial_state=None, **more):
        cell = TwoStates(made.cell)
        if initial_state is not None:
            more["initial_state"] = cell.split(initial_state[0])
        outputs, *states = rnn_like(made, cell)(x, **more)
        return outputs, cell.joined(states)

    return call


class OfTwoDimensions(Own):
    """A cell whose state is of shape (units, 1), and its output of shape (1, units)."""

    def __init__(self, cell):
        super().__init__(cell)
        self.state_size = tf.TensorShape([cell.state_size, 1])
        self.output_size = tf.TensorShape([1, cell.state_size])

    def call(self, inputs, states):
        output, _ = self.cell(inputs, [states[0][:, :, 0]])
        return output[:, None], [output[:, :, None]]


def cell_of_two_dimensions(made):
    def call(x, initial_state=None, **more):
        if initial_state is not None:
            more["initial_state"] = [initial_state[0][:, :, None]]
        outputs, state = rnn_like(made, OfTwoDimensions(made.cell))(x, **more)
        return outputs[:, :, 0], state[:, :, 0]

    return call


class WithConstants(Own):
    """A cell that multiplies its inputs by a constant."""

    def call(self, inputs, states, constants):
        return self.cell(inputs * constants[0], states)


def cell_with_constants(made):
    """Half of the inputs, which the cell doubles: that loses no digit."""

    def call(x, **more):
        constant = 2 * tf.ones_like(x[:, 0])
        rnn = rnn_like(made, WithConstants(made.cell))
        return rnn(x / 2, constants=[constant], **more)

    return call


def _path(call, *parts):
    return through(call, rnn_like, *parts, needs=frozenset({"cell"}), choices=BATCHES)


EVERY = (
    _path(cell_without_start, Own),
    _path(cell_with_start, Own, Starting),
    _path(cell_that_is_no_layer, PlainCell),
    _path(cell_of_two_states, Own, TwoStates),
)
OF_KERAS_2 = (
    (
        _path(cell_of_two_dimensions, Own, OfTwoDimensions),
        _path(cell_with_constants, Own, WithConstants),
    )
    if KERAS_2
    else ()
)
"""The forms of cells that Keras 3 documents no longer."""


STACKABLE = {
    "the layer's": lambda cell: cell,
    "one state": Own,
    "two states": TwoStates,
    "two states without output_size": WithoutOutputSize,
}
KINDS = STACKABLE | ({"two dimensions": OfTwoDimensions} if KERAS_2 else {})
"""Cells made of the layer's that differ in how the shape of their output is to be found."""
