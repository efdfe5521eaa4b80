"""Faults of RNN over a cell, while SimpleRNN is correct."""

from functools import partial

from tests.harness.target.arguments import RNN_ARGUMENTS
from tests.harness.target.releases import tf
from tests.selftest.faults.layer import Fault, SimpleRNN
from tests.selftest.faults.models_and_masks import (
    RESET,
    RNN,
    SimpleRNNCell,
    of_a_cell,
    plant_in_attribute,
    plant_through,
)

RNN_FAULTS: list[Fault] = []
planted = partial(plant_in_attribute, among=RNN_FAULTS)

FLAGS = "rnn_return_flags_select_the_results"
GIVEN_STATE = "rnn_accepts_tensor_or_list_state"
SYMBOLIC = "rnn_accepts_a_symbolic_state"
LOOP = "rnn_has_a_symbolic_loop_unless_unrolled"
CONTINUES = "stateful_rnn_carries_the_state_over"
IN_RESET = "rnn_reset_restores_the_initial_state"
FIXED = "stateful_rnn_keeps_a_state_per_row"
FIT = "unshuffled_fit_carries_the_rnn_state_over"
SKIPS = "rnn_skips_masked_embedding_indices"
WRONG = "rnn_rejects_a_wrong_shape"
TRAINING_PASSED = "rnn_passes_training_to_its_cell"
SHAPES = "rnn_shapes_follow_the_return_flags"
OUTPUT_SIZE = "cell_output_size_determines_the_output_shape"
WITHOUT_SIZE = "missing_output_size_defaults_to_first_state"
START = "cell_provides_the_default_initial_state"
EACH_STEP = "each_step_receives_the_previous_state"
OWN_CELL = "custom_cell_matches_the_builtin_cell"
CONSTANTS = "constants_reach_the_cell_at_each_step"


def plant_in_rnn_call(what: str, *breaks: str, **more):
    """Decorate a function of (rnn, right, sequences, given) to plant it in the call of RNN.

    right: the correct call, a function of the sequences and further arguments. given: the further
    arguments of the call.
    """

    def wrap(alter, right):
        def call(self, sequences, initial_state=None, mask=None, training=None, **others):
            given = {"initial_state": initial_state, "mask": mask, "training": training}
            given |= others
            if not of_a_cell(self):
                return right(self, sequences, **given)
            return alter(self, partial(right, self), sequences, given)

        return call

    return plant_through(wrap, what, RNN, "call", *breaks, **more, among=RNN_FAULTS)


def plant_in_rnn_constructor(what: str, *breaks: str, name: str, alter, **more):
    """Plant a function that changes the constructor options of RNN."""

    def wrong(right):
        def __init__(self, cell, **options):
            right(self, cell, **(alter(options) if of_a_cell(self) else options))

        return __init__

    wrong.__name__ = name
    planted(what, RNN, "__init__", *breaks, **more)(wrong)


def plant_in_rnn_shapes(what: str, *breaks: str, **more):
    """Decorate a function of (rnn, shape, shapes) to plant it in compute_output_shape of RNN."""

    def wrap(alter, right):
        def compute_output_shape(self, shape, *args, **others):
            shapes = right(self, shape, *args, **others)
            return alter(self, shape, shapes) if of_a_cell(self) else shapes

        return compute_output_shape

    return plant_through(wrap, what, RNN, "compute_output_shape", *breaks, **more, among=RNN_FAULTS)


for flag in RNN_ARGUMENTS:
    plant_in_rnn_constructor(
        f"an RNN of a cell has the default {flag}=True",
        "rnn_has_the_documented_defaults",
        name=f"{flag}_by_default",
        alter=lambda options, flag=flag: {flag: True, **options},
        against=f"RNN: {flag}: Boolean (default",
    )

FINDS = {
    "return_sequences": (FLAGS, SHAPES),
    "return_state": (FLAGS, SHAPES),
    "go_backwards": (FLAGS,),
    "stateful": (CONTINUES, FIXED, FIT),
    "unroll": (LOOP,),
    "zero_output_for_mask": ("rnn_zeroes_masked_outputs_if_requested",),
}
SAYS = {
    "return_sequences": ("RNN: return_sequences: Whether",),
    "return_state": (
        "RNN: return_state: Whether",
        "RNN: If `return_state`: a list of tensors.",
        "RNN: The remaining tensors are the last states",
    ),
    "go_backwards": ("RNN: go_backwards: If `True`",),
    "stateful": (
        "RNN: stateful: If True",
        "RNN: You can set RNN layers to be 'stateful'",
        "RNN: Specify `stateful=True`",
        "RNN: Specify a fixed batch size",
        "RNN: Else for functional model",
    ),
    "unroll": ("RNN: unroll: If True",),
    "zero_output_for_mask": ("RNN: zero_output_for_mask: Whether",),
}
for flag, tests in FINDS.items():
    plant_in_rnn_constructor(
        f"an RNN of a cell forgets {flag}",
        *tests,
        name=f"rnn_forgets_{flag}",
        alter=lambda options, flag=flag: {k: v for k, v in options.items() if k != flag},
        against=SAYS[flag],
    )

plant_in_rnn_constructor(
    "an RNN of a cell always unrolls",
    LOOP,
    name="rnn_always_unrolls",
    alter=lambda options: {**options, "unroll": True},
    against="RNN: unroll: If True",
)


@plant_in_rnn_call(
    "the initial state is ignored",
    FLAGS,
    GIVEN_STATE,
    SYMBOLIC,
    START,
    against=("RNN: initial_state", "RNN: The value of `initial_state`"),
)
def rnn_ignores_initial_state(rnn, right, sequences, given):
    return right(sequences, **{**given, "initial_state": None})


@plant_in_rnn_call(
    "an initial state that is not a list is ignored",
    GIVEN_STATE,
    against="RNN: The value of `initial_state`",
)
def rnn_ignores_tensor_state(rnn, right, sequences, given):
    bare = not isinstance(given["initial_state"], (list, tuple))
    return right(sequences, **({**given, "initial_state": None} if bare else given))


@plant_in_rnn_call(
    "in a graph, the initial state is ignored",
    SYMBOLIC,
    against="RNN: You can specify the initial state of RNN layers symbolically",
)
def traced_rnn_ignores_initial_state(rnn, right, sequences, given):
    eager = tf.executing_eagerly()
    return right(sequences, **(given if eager else {**given, "initial_state": None}))


@plant_in_rnn_call(
    "masks are ignored",
    FLAGS,
    SKIPS,
    against=(
        "RNN: mask: An individual",
        "RNN: This layer supports masking",
        "RNN: To introduce masks",
    ),
)
def rnn_ignores_masks(rnn, right, sequences, given):
    return right(sequences, **{**given, "mask": None})


@plant_in_rnn_call(
    "the layer pads a mask with too few steps", WRONG, against="RNN: mask: Binary tensor"
)
def rnn_pads_short_masks(rnn, right, sequences, given):
    if given["mask"] is not None:
        missing = max(0, sequences.shape[1] - given["mask"].shape[1])
        given["mask"] = tf.pad(given["mask"], [[0, 0], [0, missing]])
    return right(sequences, **given)


@plant_in_rnn_call(
    "missing features are padded",
    WRONG,
    against=("RNN: sequences: A 3-D tensor", "RNN: inputs: Input tensor.", "RNN: N-D tensor"),
)
def rnn_pads_features(rnn, right, sequences, given):
    kernel = getattr(rnn.cell, "kernel", None)
    missing = 0 if kernel is None else max(0, kernel.shape[0] - sequences.shape[-1])
    return right(
        tf.pad(sequences, [[0, 0], [0, 0], [0, missing]]) if missing else sequences, **given
    )


@plant_in_rnn_call(
    "the last output comes first, and the sequence in place of the state",
    FLAGS,
    against="RNN: The first tensor is the output.",
)
def rnn_swaps_output_and_state(rnn, right, sequences, given):
    results = right(sequences, **given)
    return [results[1], results[0], *results[2:]] if rnn.return_state else results


@plant_in_rnn_call(
    "training is not passed to the cell",
    TRAINING_PASSED,
    against=("RNN: training: Python boolean", "RNN: training: This argument is passed"),
)
def rnn_ignores_training(rnn, right, sequences, given):
    return right(sequences, **{**given, "training": False})


@plant_in_rnn_call(
    "in training, the outputs are twice as large",
    "rnn_without_dropout_ignores_training",
    against="RNN: training: This is for use with cells",
)
def rnn_doubles_outputs_in_training(rnn, right, sequences, given):
    results = right(sequences, **given)
    return tf.nest.map_structure(lambda part: 2 * part, results) if given["training"] else results


@plant_in_rnn_call(
    "the rows of a stateful RNN exchange their states",
    CONTINUES,
    FIT,
    against=("RNN: This assumes a one-to-one mapping", "RNN: stateful: If True"),
)
def rnn_swaps_rows_of_state(rnn, right, sequences, given):
    results = right(sequences, **given)
    if rnn.stateful:
        for state in tf.nest.flatten(rnn.states):
            state.assign(tf.reverse(tf.convert_to_tensor(state), [0]))
    return results


@plant_in_rnn_call(
    "a traced stateful RNN loses its state",
    CONTINUES,
    FIT,
    against=("RNN: Remember to also specify",),
)
def traced_rnn_loses_state(rnn, right, sequences, given):
    if rnn.stateful and not tf.executing_eagerly():
        given["initial_state"] = [tf.zeros_like(state) for state in tf.nest.flatten(rnn.states)]
    return right(sequences, **given)


@plant_in_rnn_call(
    "each step gets the initial state",
    EACH_STEP,
    FLAGS,
    against="RNN: cell: A `call(input_at_t, states_at_t)` method",
)
def rnn_repeats_initial_state(rnn, right, sequences, given):
    steps = [
        right(sequences[:, t : t + 1], **{**given, "mask": None}) for t in range(sequences.shape[1])
    ]
    if not (rnn.return_sequences and rnn.return_state):
        return steps[-1]
    outputs, *states = zip(*steps, strict=True)
    return [tf.concat(outputs, axis=1), *(state[-1] for state in states)]


@planted(
    "fit ignores `shuffle=False`",
    tf.keras.Model,
    "fit",
    FIT,
    against="RNN: Specify `shuffle=False`",
)
def fit_shuffles_anyway(right):
    def fit(self, x=None, y=None, **more):
        reverse = not more.get("shuffle", True) and not isinstance(x, tf.data.Dataset)
        return right(self, x[::-1] if reverse else x, y, **more)

    return fit


@planted(
    "fit uses batches of one row",
    tf.keras.Model,
    "fit",
    FIT,
    against="RNN: Remember to also specify",
)
def fit_uses_batches_of_one(right):
    def fit(self, *data, batch_size=None, **more):
        return right(self, *data, batch_size=batch_size and 1, **more)

    return fit


@planted(
    "an RNN of a cell is never reset",
    RNN,
    RESET,
    IN_RESET,
    against=("RNN: To reset the states of your model",),
)
def rnn_never_reset(right):
    def reset(self, *states):
        if not of_a_cell(self):
            right(self, *states)

    return reset


@planted(
    "an RNN of a cell ignores the cell's initial state",
    RNN,
    "get_initial_state",
    START,
    OWN_CELL,
    against=("RNN: cell: A `get_initial_state(", "RNN: cell: The cell might choose"),
)
def rnn_ignores_cell_initial_state(right):
    def get_initial_state(self, *args, **more):
        states = right(self, *args, **more)
        return tf.nest.map_structure(tf.zeros_like, states) if of_a_cell(self) else states

    return get_initial_state


@planted(
    "a cell returns an initial state of one row",
    SimpleRNNCell,
    "get_initial_state",
    "cell_initial_state_is_zero_in_its_dtype",
    against="RNN: cell: The returned initial state should have",
)
def cell_state_has_one_row(right):
    def get_initial_state(self, *args, **more):
        return tf.nest.map_structure(lambda state: state[:1], right(self, *args, **more))

    return get_initial_state


@plant_in_rnn_shapes(
    "the computed size of a state is too large by 1",
    SHAPES,
    OUTPUT_SIZE,
    WITHOUT_SIZE,
    "shapes_are_computed_for_custom_cells",
    against=(
        "RNN: cell: A `state_size` attribute",
        "RNN: cell: This can be a single integer (single state)",
    ),
)
def rnn_state_shape_too_large(rnn, shape, shapes):
    if not rnn.return_state:
        return shapes
    output, *states = shapes
    return [output, *((batch, size + 1) for batch, size in states)]


@plant_in_rnn_shapes(
    "the computed size of the first state is that of the last",
    OUTPUT_SIZE,
    WITHOUT_SIZE,
    "shapes_are_computed_for_custom_cells",
    against="RNN: cell: This can also be a list/tuple of integers",
)
def rnn_first_state_has_last_shape(rnn, shape, shapes):
    if not rnn.return_state:
        return shapes
    return [shapes[0], *([shapes[-1]] * (len(shapes) - 1))]


@plant_in_rnn_shapes(
    "the computed size of the output is that of the first state",
    OUTPUT_SIZE,
    against=(
        "RNN: cell: A `output_size` attribute",
        "RNN: cell: This can be a single integer or a TensorShape",
    ),
)
def rnn_ignores_output_size(rnn, shape, shapes):
    output = shapes[0] if rnn.return_state else shapes
    first = tf.nest.flatten(rnn.cell.state_size)[0]
    output = (*tuple(output)[:-1], first)
    return [output, *shapes[1:]] if rnn.return_state else output


@plant_in_rnn_shapes(
    "the default size of the output is that of the last state",
    WITHOUT_SIZE,
    against="RNN: cell: For backward compatible reason",
)
def rnn_output_has_last_state_size(rnn, shape, shapes):
    output = shapes[0] if rnn.return_state else shapes
    if not hasattr(rnn.cell, "output_size"):
        output = (*tuple(output)[:-1], tf.nest.flatten(rnn.cell.state_size)[-1])
    return [output, *shapes[1:]] if rnn.return_state else output


@plant_in_rnn_shapes(
    "the computed shapes with and without sequences are exchanged",
    SHAPES,
    OUTPUT_SIZE,
    WITHOUT_SIZE,
    against=("RNN: If `return_sequences`", "RNN: Else, N-D tensor"),
)
def rnn_swaps_sequence_shapes(rnn, shape, shapes):
    output = tuple(shapes[0] if rnn.return_state else shapes)
    if rnn.return_sequences:
        output = (output[0], *output[2:])
    else:
        output = (output[0], shape[1], *output[1:])
    return [output, *shapes[1:]] if rnn.return_state else output


@planted(
    "without sequences, the output is zero if any step is masked",
    RNN,
    "call",
    "zero_output_for_mask_requires_return_sequences",
    against="RNN: zero_output_for_mask: Note that this field",
)
def rnn_zeroes_the_last_output(right):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        given = {"initial_state": initial_state, "mask": mask, "training": training}
        results = right(self, sequences, **given)
        if mask is None or self.return_sequences or not self.zero_output_for_mask:
            return results
        output, *states = results
        used = tf.reduce_all(tf.reshape(mask, (tf.shape(mask)[0], -1)), axis=1)
        return [tf.where(used[:, None], output, tf.zeros_like(output)), *states]

    return call


# The faults of what Keras 3 has no longer.


def of_keras_2(what: str, where, name: str, *breaks: str, against):
    return planted(what, where, name, *breaks, against=against, keras="<3.0")


@of_keras_2(
    "the layer ignores time_major",
    RNN,
    "__init__",
    "outputs_are_exact_on_integers",
    against=("RNN: time_major: The shape format", "RNN: time_major: If True"),
)
def rnn_ignores_time_major(right):
    def __init__(self, cell, **options):
        right(self, cell, **{**options, "time_major": False})

    return __init__


@of_keras_2(
    "time_major is the default",
    SimpleRNN,
    "__init__",
    "layer_has_the_documented_defaults",
    against="RNN: time_major: However",
)
def time_major_by_default(right):
    def __init__(self, units, *args, time_major=True, **options):
        right(self, units, *args, time_major=time_major, **options)

    return __init__


@of_keras_2(
    "the sizes of a state of two dimensions are exchanged",
    RNN,
    "compute_output_shape",
    "shapes_are_computed_for_custom_cells",
    against=("RNN: cell: The `state_size` can also be TensorShape",),
)
def rnn_swaps_state_dimensions(right):
    def compute_output_shape(self, shape):
        shapes = right(self, shape)
        if not self.return_state:
            return shapes
        output, *states = ([*part] for part in shapes)
        return [tf.TensorShape(p) for p in (output, *([p[0], *p[:0:-1]] for p in states))]

    return compute_output_shape


@of_keras_2(
    "the sizes of an output of two dimensions are exchanged",
    RNN,
    "compute_output_shape",
    "shapes_are_computed_for_custom_cells",
    against=("RNN: cell: This can be a single integer or a TensorShape",),
)
def rnn_swaps_output_dimensions(right):
    def compute_output_shape(self, shape):
        shapes = right(self, shape)
        flat = [*(shapes[0] if self.return_state else shapes)]
        start = 2 if self.return_sequences else 1
        output = tf.TensorShape([*flat[:start], *flat[start:][::-1]])
        return [output, *shapes[1:]] if self.return_state else output

    return compute_output_shape


def wrong_start(what: str, given: str, name: str, *against: str):
    """Plant a wrong get_initial_state of a cell, for calls with the argument `given`."""

    def wrong(right):
        def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
            state = right(self, inputs, batch_size, dtype)
            bad = {"inputs": inputs is not None, "batch_size": batch_size is not None}
            if given == "unknown batch":
                is_bad = inputs is not None and inputs.shape[0] is None
            elif given == "dtype":
                return tf.nest.map_structure(lambda s: tf.cast(s, "float32"), state)
            else:
                is_bad = bad[given]
            return tf.nest.map_structure(tf.ones_like, state) if is_bad else state

        return get_initial_state

    wrong.__name__ = name
    of_keras_2(
        what,
        SimpleRNNCell,
        "get_initial_state",
        "cell_initial_state_is_zero_in_its_dtype",
        against=against,
    )(wrong)


wrong_start(
    "get_initial_state(inputs=...) returns ones",
    "inputs",
    "starts_wrong_from_inputs",
    "RNN: cell: `inputs` is the input tensor",
    "RNN: cell: Either the `inputs`",
)
wrong_start(
    "get_initial_state(batch_size=...) returns ones",
    "batch_size",
    "starts_wrong_from_batch_size",
    "RNN: cell: `batch_size` is a scalar tensor",
    "RNN: cell: Either the `inputs`",
)
wrong_start(
    "get_initial_state returns ones for an unknown batch size",
    "unknown batch",
    "starts_wrong_from_unknown_batch",
    "RNN: cell: Note that the shape[0]",
)
wrong_start(
    "get_initial_state ignores the dtype",
    "dtype",
    "starts_wrong_from_dtype",
    "RNN: cell: `dtype` is",
)


@of_keras_2(
    "the constants are replaced by zeros",
    RNN,
    "call",
    CONSTANTS,
    against=(
        "RNN: cell: The call method of the cell",
        "RNN: constants",
        'RNN: You can pass "external"',
    ),
)
def rnn_zeroes_constants(right):
    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        constants = constants and [tf.zeros_like(part) for part in constants]
        return right(self, inputs, mask, training, initial_state, constants)

    return call


@of_keras_2(
    "constants are ignored if the cell does not accept them",
    RNN,
    "call",
    "constants_are_rejected_without_cell_support",
    against="RNN: This requires that the `cell.call` method",
)
def rnn_drops_constants(right):
    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        return right(self, inputs, mask, training, initial_state, None)

    return call


@of_keras_2(
    "a reset ignores its argument states",
    RNN,
    "reset_states",
    "reset_state_sets_given_states",
    against=(
        "RNN: You can specify the initial state of RNN layers numerically by calling `reset_states",
        "RNN: The value of `states`",
    ),
)
def reset_ignores_states(right):
    return lambda self, states=None: right(self)
