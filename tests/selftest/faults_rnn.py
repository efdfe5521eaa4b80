"""Faults of an RNN that is constructed directly from a cell; SimpleRNN stays right meanwhile."""

from functools import partial

from tests.harness.arguments import OF_RNN
from tests.harness.releases import tf
from tests.selftest import faults_around
from tests.selftest.faults import Fault, SimpleRNN
from tests.selftest.faults_around import RESET, RNN, SimpleRNNCell, of_a_cell

RNN_FAULTS: list[Fault] = []
planted = partial(faults_around.planted, among=RNN_FAULTS)

FLAGS = "rnn_of_a_cell_returns_what_its_flags_say"
GIVEN_STATE = "rnn_of_a_cell_takes_a_tensor_or_a_list_as_state"
SYMBOLIC = "rnn_of_a_cell_takes_a_symbolic_state"
LOOP = "rnn_of_a_cell_has_a_symbolic_loop_unless_unrolled"
CONTINUES = "stateful_rnn_of_a_cell_continues_each_row"
IN_RESET = "reset_returns_an_rnn_of_a_cell_to_its_first_state"
FIXED = "fixed_batch_size_gives_a_state_to_each_row"
FIT = "fit_without_shuffling_carries_the_state_in_order"
SKIPS = "rnn_of_a_cell_skips_the_index_zero_of_an_embedding"
WRONG = "rnn_of_a_cell_refuses_a_wrong_shape"
TOLD = "rnn_passes_training_to_its_cell"
SHAPES = "shapes_of_an_rnn_of_a_cell_are_those_of_its_flags"
OUTPUT_SIZE = "output_size_of_a_cell_is_the_size_of_the_output"
WITHOUT_SIZE = "output_without_output_size_has_the_size_of_the_first_state"
START = "cell_chooses_the_initial_state_unless_it_is_given"
EACH_STEP = "each_step_gets_the_state_of_the_step_before"
OWN_CELL = "a_cell_of_ones_own_is_run_as_the_layers_is"
CONSTANTS = "constants_reach_the_cell_at_each_step"


def in_call(what: str, *breaks: str, **more):
    """Plant a function of (rnn, right, sequences, given) in the call of an RNN of a cell; right: a
    function of the sequences and of further arguments, given: those of the call."""

    def register(bend):
        def wrong(right):
            def call(self, sequences, initial_state=None, mask=None, training=None, **others):
                given = {"initial_state": initial_state, "mask": mask, "training": training}
                given |= others
                if not of_a_cell(self):
                    return right(self, sequences, **given)
                return bend(self, partial(right, self), sequences, given)

            return call

        wrong.__name__ = bend.__name__
        planted(what, RNN, "call", *breaks, **more)(wrong)
        return bend

    return register


def in_init(what: str, *breaks: str, name: str, bend, **more):
    """Plant a function that changes the options of an RNN of a cell."""

    def wrong(right):
        def __init__(self, cell, **options):
            right(self, cell, **(bend(options) if of_a_cell(self) else options))

        return __init__

    wrong.__name__ = name
    planted(what, RNN, "__init__", *breaks, **more)(wrong)


def in_shapes(what: str, *breaks: str, **more):
    """Plant a function of (rnn, shape, shapes) in compute_output_shape of an RNN of a cell."""

    def register(bend):
        def wrong(right):
            def compute_output_shape(self, shape, *args, **others):
                shapes = right(self, shape, *args, **others)
                return bend(self, shape, shapes) if of_a_cell(self) else shapes

            return compute_output_shape

        wrong.__name__ = bend.__name__
        planted(what, RNN, "compute_output_shape", *breaks, **more)(wrong)
        return bend

    return register


for flag in OF_RNN:
    in_init(
        f"an RNN of a cell has the default {flag}=True",
        "documented_defaults_are_those_of_an_rnn_of_a_cell",
        name=f"{flag}_by_default",
        bend=lambda options, flag=flag: {flag: True, **options},
        against=f"RNN: {flag}: Boolean (default",
    )

FINDS = {
    "return_sequences": (FLAGS, SHAPES),
    "return_state": (FLAGS, SHAPES),
    "go_backwards": (FLAGS,),
    "stateful": (CONTINUES, FIXED, FIT),
    "unroll": (LOOP,),
    "zero_output_for_mask": ("rnn_of_a_cell_zeroes_masked_outputs_if_asked",),
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
    in_init(
        f"an RNN of a cell forgets {flag}",
        *tests,
        name=f"rnn_forgets_{flag}",
        bend=lambda options, flag=flag: {k: v for k, v in options.items() if k != flag},
        against=SAYS[flag],
    )

in_init(
    "an RNN of a cell always unrolls",
    LOOP,
    name="rnn_always_unrolls",
    bend=lambda options: {**options, "unroll": True},
    against="RNN: unroll: If True",
)


@in_call(
    "the initial state is forgotten",
    FLAGS,
    GIVEN_STATE,
    SYMBOLIC,
    START,
    against=("RNN: initial_state", "RNN: The value of `initial_state`"),
)
def rnn_forgets_initial_state(rnn, right, sequences, given):
    return right(sequences, **{**given, "initial_state": None})


@in_call(
    "a state that is no list is forgotten", GIVEN_STATE, against="RNN: The value of `initial_state`"
)
def rnn_forgets_a_bare_state(rnn, right, sequences, given):
    bare = not isinstance(given["initial_state"], (list, tuple))
    return right(sequences, **({**given, "initial_state": None} if bare else given))


@in_call(
    "in a graph the initial state is forgotten",
    SYMBOLIC,
    against="RNN: You can specify the initial state of RNN layers symbolically",
)
def rnn_forgets_a_symbolic_state(rnn, right, sequences, given):
    eager = tf.executing_eagerly()
    return right(sequences, **(given if eager else {**given, "initial_state": None}))


@in_call(
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


@in_call("a mask of too few steps is filled up", WRONG, against="RNN: mask: Binary tensor")
def rnn_fills_masks(rnn, right, sequences, given):
    if given["mask"] is not None:
        missing = max(0, sequences.shape[1] - given["mask"].shape[1])
        given["mask"] = tf.pad(given["mask"], [[0, 0], [0, missing]])
    return right(sequences, **given)


@in_call(
    "missing features are filled up",
    WRONG,
    against=("RNN: sequences: A 3-D tensor", "RNN: inputs: Input tensor.", "RNN: N-D tensor"),
)
def rnn_fills_features(rnn, right, sequences, given):
    kernel = getattr(rnn.cell, "kernel", None)
    missing = 0 if kernel is None else max(0, kernel.shape[0] - sequences.shape[-1])
    return right(
        tf.pad(sequences, [[0, 0], [0, 0], [0, missing]]) if missing else sequences, **given
    )


@in_call(
    "the last output comes first, and the sequence in place of the state",
    FLAGS,
    against="RNN: The first tensor is the output.",
)
def rnn_exchanges_output_and_state(rnn, right, sequences, given):
    results = right(sequences, **given)
    return [results[1], results[0], *results[2:]] if rnn.return_state else results


@in_call(
    "training is not passed to the cell",
    TOLD,
    against=("RNN: training: Python boolean", "RNN: training: This argument is passed"),
)
def rnn_forgets_training(rnn, right, sequences, given):
    return right(sequences, **{**given, "training": False})


@in_call(
    "in training the outputs are twice as large",
    "training_has_no_effect_on_an_rnn_of_a_cell_without_dropout",
    against="RNN: training: This is for use with cells",
)
def rnn_larger_in_training(rnn, right, sequences, given):
    results = right(sequences, **given)
    return tf.nest.map_structure(lambda part: 2 * part, results) if given["training"] else results


@in_call(
    "the rows of a stateful RNN exchange their states",
    CONTINUES,
    FIT,
    against=("RNN: This assumes a one-to-one mapping", "RNN: stateful: If True"),
)
def rnn_exchanges_rows(rnn, right, sequences, given):
    results = right(sequences, **given)
    if rnn.stateful:
        for state in tf.nest.flatten(rnn.states):
            state.assign(tf.reverse(tf.convert_to_tensor(state), [0]))
    return results


@in_call(
    "a stateful RNN forgets its state in a trace",
    CONTINUES,
    FIT,
    against=("RNN: Remember to also specify",),
)
def rnn_forgets_its_state_in_a_trace(rnn, right, sequences, given):
    if rnn.stateful and not tf.executing_eagerly():
        given["initial_state"] = [tf.zeros_like(state) for state in tf.nest.flatten(rnn.states)]
    return right(sequences, **given)


@in_call(
    "each step gets the initial state",
    EACH_STEP,
    FLAGS,
    against="RNN: cell: A `call(input_at_t, states_at_t)` method",
)
def rnn_forgets_states_between_steps(rnn, right, sequences, given):
    steps = [
        right(sequences[:, t : t + 1], **{**given, "mask": None}) for t in range(sequences.shape[1])
    ]
    if not (rnn.return_sequences and rnn.return_state):
        return steps[-1]
    outputs, *states = zip(*steps, strict=True)
    return [tf.concat(outputs, axis=1), *(state[-1] for state in states)]


@planted(
    "fit shuffles although it is not asked to",
    tf.keras.Model,
    "fit",
    FIT,
    against="RNN: Specify `shuffle=False`",
)
def fit_reverses(right):
    def fit(self, x=None, y=None, **more):
        reverse = not more.get("shuffle", True) and not isinstance(x, tf.data.Dataset)
        return right(self, x[::-1] if reverse else x, y, **more)

    return fit


@planted(
    "fit takes batches of one row",
    tf.keras.Model,
    "fit",
    FIT,
    against="RNN: Remember to also specify",
)
def fit_takes_other_batches(right):
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
    "an RNN of a cell starts from zeros whatever its cell chooses",
    RNN,
    "get_initial_state",
    START,
    OWN_CELL,
    against=("RNN: cell: A `get_initial_state(", "RNN: cell: The cell might choose"),
)
def rnn_starts_from_zeros(right):
    def get_initial_state(self, *args, **more):
        states = right(self, *args, **more)
        return tf.nest.map_structure(tf.zeros_like, states) if of_a_cell(self) else states

    return get_initial_state


@planted(
    "a cell gives an initial state of one row",
    SimpleRNNCell,
    "get_initial_state",
    "the_initial_state_of_a_cell_is_zero_in_its_dtype",
    against="RNN: cell: The returned initial state should have",
)
def starts_from_one_row(right):
    def get_initial_state(self, *args, **more):
        return tf.nest.map_structure(lambda state: state[:1], right(self, *args, **more))

    return get_initial_state


@in_shapes(
    "a state of n numbers is said to be of n + 1",
    SHAPES,
    OUTPUT_SIZE,
    WITHOUT_SIZE,
    "shapes_are_computed_for_a_cell_of_any_kind",
    against=(
        "RNN: cell: A `state_size` attribute",
        "RNN: cell: This can be a single integer (single state)",
    ),
)
def rnn_of_larger_states(rnn, shape, shapes):
    if not rnn.return_state:
        return shapes
    output, *states = shapes
    return [output, *((batch, size + 1) for batch, size in states)]


@in_shapes(
    "the first state is said to be as large as the last",
    OUTPUT_SIZE,
    WITHOUT_SIZE,
    "shapes_are_computed_for_a_cell_of_any_kind",
    against="RNN: cell: This can also be a list/tuple of integers",
)
def rnn_of_last_state(rnn, shape, shapes):
    if not rnn.return_state:
        return shapes
    return [shapes[0], *([shapes[-1]] * (len(shapes) - 1))]


@in_shapes(
    "the output is said to be as large as the first state",
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


@in_shapes(
    "an output of no known size is said to be as large as the last state",
    WITHOUT_SIZE,
    against="RNN: cell: For backward compatible reason",
)
def rnn_of_the_last_size(rnn, shape, shapes):
    output = shapes[0] if rnn.return_state else shapes
    if not hasattr(rnn.cell, "output_size"):
        output = (*tuple(output)[:-1], tf.nest.flatten(rnn.cell.state_size)[-1])
    return [output, *shapes[1:]] if rnn.return_state else output


@in_shapes(
    "the last output is said to be a sequence, and the sequence to be its last output",
    SHAPES,
    OUTPUT_SIZE,
    WITHOUT_SIZE,
    against=("RNN: If `return_sequences`", "RNN: Else, N-D tensor"),
)
def rnn_of_other_sequences(rnn, shape, shapes):
    output = tuple(shapes[0] if rnn.return_state else shapes)
    if rnn.return_sequences:
        output = (output[0], *output[2:])
    else:
        output = (output[0], shape[1], *output[1:])
    return [output, *shapes[1:]] if rnn.return_state else output


@planted(
    "without sequences the last output is zero if any step is masked",
    RNN,
    "call",
    "without_sequences_zero_output_for_mask_is_not_used",
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
    "time_major is forgotten",
    RNN,
    "__init__",
    "integers_give_the_recurrence_exactly",
    against=("RNN: time_major: The shape format", "RNN: time_major: If True"),
)
def rnn_forgets_time_major(right):
    def __init__(self, cell, **options):
        right(self, cell, **{**options, "time_major": False})

    return __init__


@of_keras_2(
    "time_major is the default",
    SimpleRNN,
    "__init__",
    "documented_defaults_are_the_defaults",
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
    "shapes_are_computed_for_a_cell_of_any_kind",
    against=("RNN: cell: The `state_size` can also be TensorShape",),
)
def rnn_exchanges_dimensions(right):
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
    "shapes_are_computed_for_a_cell_of_any_kind",
    against=("RNN: cell: This can be a single integer or a TensorShape",),
)
def rnn_exchanges_dimensions_of_outputs(right):
    def compute_output_shape(self, shape):
        shapes = right(self, shape)
        flat = [*(shapes[0] if self.return_state else shapes)]
        start = 2 if self.return_sequences else 1
        output = tf.TensorShape([*flat[:start], *flat[start:][::-1]])
        return [output, *shapes[1:]] if self.return_state else output

    return compute_output_shape


def wrong_start(what: str, given: str, name: str, *against: str):
    """Plant a wrong get_initial_state of a cell, for the calls that are `given` this argument."""

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
        "the_initial_state_of_a_cell_is_zero_in_its_dtype",
        against=against,
    )(wrong)


wrong_start(
    "a cell that is given inputs starts from ones",
    "inputs",
    "starts_wrong_from_inputs",
    "RNN: cell: `inputs` is the input tensor",
    "RNN: cell: Either the `inputs`",
)
wrong_start(
    "a cell that is given a batch size starts from ones",
    "batch_size",
    "starts_wrong_from_batch_size",
    "RNN: cell: `batch_size` is a scalar tensor",
    "RNN: cell: Either the `inputs`",
)
wrong_start(
    "a cell that knows no batch size starts from ones",
    "unknown batch",
    "starts_wrong_from_unknown_batch",
    "RNN: cell: Note that the shape[0]",
)
wrong_start(
    "a cell forgets the dtype of its state",
    "dtype",
    "starts_wrong_from_dtype",
    "RNN: cell: `dtype` is",
)


@of_keras_2(
    "constants are zeros",
    RNN,
    "call",
    CONSTANTS,
    against=(
        "RNN: cell: The call method of the cell",
        "RNN: constants",
        'RNN: You can pass "external"',
    ),
)
def rnn_forgets_constants(right):
    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        constants = constants and [tf.zeros_like(part) for part in constants]
        return right(self, inputs, mask, training, initial_state, constants)

    return call


@of_keras_2(
    "constants for a cell that takes none are dropped",
    RNN,
    "call",
    "constants_are_refused_where_the_cell_takes_none",
    against="RNN: This requires that the `cell.call` method",
)
def rnn_drops_constants(right):
    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        return right(self, inputs, mask, training, initial_state, None)

    return call


@of_keras_2(
    "a reset forgets the states it is given",
    RNN,
    "reset_states",
    "reset_with_states_sets_them",
    against=(
        "RNN: You can specify the initial state of RNN layers numerically by calling `reset_states",
        "RNN: The value of `states`",
    ),
)
def forgets_given_states(right):
    return lambda self, states=None: right(self)
