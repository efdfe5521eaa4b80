"""Paths over a cell that the suite constructs, and over RNN of this cell."""

from tests.harness.paths.models import NON_EMPTY_BATCHES
from tests.harness.paths.path import path_from_function
from tests.harness.target import layer
from tests.harness.target.releases import tf

DIRECT_CELL_NEEDS = frozenset({"cell", "documented cell"})


def cell_class() -> type:
    """Return the class of the cell of the layer under test."""
    return type(layer.under_test().make(1).cell)


def new_cell(made):
    """Return a new cell with the activation, bias, dtype and weights of the layer's cell."""
    kernel, *_ = weights = made.get_weights()
    cell = type(made.cell)(
        kernel.shape[1],
        activation=made.cell.activation,
        use_bias=made.cell.use_bias,
        kernel_initializer="zeros",  # the default initializers are slow, and fail in bfloat16
        recurrent_initializer="zeros",
        dtype=made.compute_dtype,
    )
    cell.build((None, kernel.shape[0]))
    cell.set_weights(weights)
    return cell


def new_cell_loop(made):
    """Return a loop over a new cell; `bare`: whether its state is a tensor instead of a list."""

    def call(x, initial_state=None, bare=False):
        cell = new_cell(made)
        zeros = tf.zeros((x.shape[0], cell.state_size), x.dtype)
        state = initial_state[0] if initial_state else zeros
        outputs = []
        for t in range(x.shape[1]):
            output, after = cell(x[:, t], state if bare else [state])
            state = tf.nest.flatten(after)[0]
            outputs.append(output)
        return tf.stack(outputs, axis=1), state

    return call


def rnn_of_new_cell(made):
    """Return RNN of a new cell with the layer's options; `flags`: more constructor arguments."""

    def call(x, initial_state=None, mask=None, **flags):
        rnn = tf.keras.layers.RNN(
            new_cell(made),
            go_backwards=made.go_backwards,
            zero_output_for_mask=made.zero_output_for_mask,
            dtype=made.compute_dtype,
            **{"return_sequences": True, "return_state": True, **flags},
        )
        given = {"initial_state": initial_state, "mask": mask}
        return rnn(x, **{name: value for name, value in given.items() if value is not None})

    return call


NEW_CELL = path_from_function(
    new_cell_loop,
    needs=DIRECT_CELL_NEEDS,
    choices=NON_EMPTY_BATCHES,
    unsupported=frozenset({"mask", "go_backwards", "zero_output_for_mask"}),
)
RNN_OF_NEW_CELL = path_from_function(
    rnn_of_new_cell, needs=DIRECT_CELL_NEEDS, choices=NON_EMPTY_BATCHES
)
