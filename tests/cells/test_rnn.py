"""RNN over a cell: its arguments, and its use of the cell's methods and attributes."""

from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness.cases.plans import ALWAYS_MASKED, INTEGER_ACTIVATIONS
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.compare.runs import assert_exact
from tests.harness.paths.direct_cells import RNN_OF_NEW_CELL, cell_class
from tests.harness.paths.execution import EAGER, FUNCTION
from tests.harness.probes.stateful import small_integers
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.releases import (
    FIXED_BATCHES,
    fixed_batch_input,
    flat_shapes,
    reset_state,
    tf,
)

UNITS, FEATURES, ROWS, TIME = 4, 3, 2, 5
X = small_integers(1, ROWS, TIME, FEATURES).astype(np.float32)
H = small_integers(2, ROWS, UNITS).astype(np.float32)
MASK = np.array([[True, False, True, True, False], [False, True, True, False, True]])
FLAGS = st.booleans()
NEEDS = {"documented cell", "activation"}


def linear_cell(units: int = UNITS, features: int = FEATURES, **options):
    """Return a linear cell with integer weights; its results are exact and depend on all steps."""
    cell = cell_class()(units, **{"activation": "linear", **options})
    cell.build((None, features))
    cell.set_weights([small_integers(i + 3, *w.shape) for i, w in enumerate(cell.get_weights())])
    return cell


def expected_results(x=X, state=None, mask=None):
    """Return outputs (batch, time, units) and final state of `linear_cell`, computed by NumPy."""
    W, U, b = linear_cell().get_weights()
    h = np.zeros((len(x), UNITS)) if state is None else state
    outputs = []
    for t in range(x.shape[1]):
        new = x[:, t] @ W + h @ U + b
        h = new if mask is None else np.where(mask[:, t, None], new, h)
        outputs.append(h)
    return np.stack(outputs, axis=1), h


RETURN_ALL = {"return_sequences": True, "return_state": True}


def results_of(rnn, *arguments, **more) -> list[np.ndarray]:
    with layer_call():
        return [np.asarray(part) for part in tf.nest.flatten(rnn(*arguments, **more))]


@generated(
    "RNN",
    "return_sequences: ... Whether to return the last output in the output sequence, or the full "
    "sequence. return_state: ... Whether to return the last state in addition to the output. "
    "go_backwards: ... If `True`, process the input sequence backwards and return the reversed "
    "sequence. If `return_state`: a list of tensors. The first tensor is the output. The remaining "
    "tensors are the last states",
    choices=INTEGER_ACTIVATIONS,
    integers=True,
    paths=(RNN_OF_NEW_CELL,),
    strategies={"sequences": FLAGS, "state": FLAGS, "unroll": FLAGS},
)
def test_rnn_return_flags_select_the_results(case, path, sequences, state, unroll):
    zeros = case.zero_output_for_mask  # deviates without sequences, and if unrolled backwards
    sequences, unroll = sequences or zeros, unroll and not zeros
    flags = {"return_sequences": sequences, "return_state": state, "unroll": unroll}
    got = path.results(case, path.layer_with_state(case), **flags)
    if isinstance(got, (list, tuple)) != state:
        raise Mismatch(f"return_state={state}: got {type(got).__name__}")
    outputs, final_state = case.expected()
    expected = [outputs if sequences else outputs[:, -1], *[final_state] * state]
    assert_parts(tf.nest.flatten(got), expected)


@generated(
    "RNN",
    "zero_output_for_mask: ... Whether the output should use zeros for the masked timesteps.",
    choices={**INTEGER_ACTIVATIONS, **ALWAYS_MASKED, "zero_output_for_mask": (True,)},
    integers=True,
    paths=(RNN_OF_NEW_CELL,),
    needs={"mask", "zero_output_for_mask"},
)
def test_rnn_zeroes_masked_outputs_if_requested(case, path):
    assert_exact(path.run(case), case)


def assert_parts(got, expected) -> None:
    if len(got) != len(expected):
        raise Mismatch(f"expected {len(expected)} tensors, got {len(got)}")
    for number, (part, wanted) in enumerate(zip(got, expected, strict=True)):
        assert_same(f"tensor {number}", part, wanted)


@pytest.mark.parametrize("form", ["list", "tuple", "tensor"])
@example(
    "RNN",
    "The value of `initial_state` should be a tensor or list of tensors representing the initial "
    "state of the RNN layer.",
    needs=NEEDS,
)
def test_rnn_accepts_tensor_or_list_state(form):
    state = tf.constant(H)
    given = {"list": [state], "tuple": (state,), "tensor": state}[form]
    with layer_call():
        rnn = tf.keras.layers.RNN(linear_cell(), **RETURN_ALL)
    assert_parts(results_of(rnn, tf.constant(X), initial_state=given), expected_results(state=H))


@pytest.mark.parametrize("unroll", [False, True])
@example(
    "RNN",
    "unroll: ... If True, the network will be unrolled, else a symbolic loop will be used.",
    needs=NEEDS,
)
def test_rnn_has_a_symbolic_loop_unless_unrolled(unroll):
    with layer_call():
        rnn = tf.keras.layers.RNN(linear_cell(), unroll=unroll)
        rnn.build((None, TIME, FEATURES))
        trace = tf.function(lambda x: rnn(x)).get_concrete_function(tf.TensorSpec(X.shape))
    loops = [op.type for op in trace.graph.get_operations() if "While" in op.type]
    if bool(loops) == unroll:
        raise Mismatch(f"unroll={unroll}: the trace has the loops {loops}")


def stateful_rnn(**options):
    """Return a stateful RNN of `linear_cell`, built for ROWS rows."""
    rnn = tf.keras.layers.RNN(linear_cell(), stateful=True, **options)
    rnn.build((ROWS, None, FEATURES))
    return rnn


STATEFUL = (
    "stateful: ... If True, the last state for each sample at index `i` in a batch will be used as "
    "initial state for the sample of index `i` in the following batch."
)


@pytest.mark.parametrize("path", [EAGER, FUNCTION])
@example("RNN", STATEFUL, needs=NEEDS)
def test_stateful_rnn_carries_the_state_over(path):
    with layer_call():
        rnn = stateful_rnn(return_sequences=True)
        call = path.call(rnn)
        got = [np.asarray(call(tf.constant(x))) for x in (X[:, :3], X[:, 3:])]
    assert_same("outputs of two calls", np.concatenate(got, axis=1), expected_results()[0])


@pytest.mark.parametrize("whole", [False, True])
@example(
    "RNN",
    "To reset the states of your model, call `.reset_state()` on either a specific layer, or on "
    "your entire model.",
    needs=NEEDS,
)
def test_rnn_reset_restores_the_initial_state(whole):
    with layer_call(AttributeError):
        rnn = stateful_rnn()
        model = tf.keras.Sequential([fixed_batch_input(ROWS, TIME, FEATURES), rnn])
        model(X)
        reset_state(model if whole else rnn)
    (output,) = results_of(rnn, tf.constant(X))
    assert_same("output after a reset", output, expected_results()[1])


@pytest.mark.parametrize("way", FIXED_BATCHES)
@example(
    "RNN",
    "Specify a fixed batch size for your model, by passing `batch_size=...` to the `Input` "
    "layer(s) of your model.",
    needs=NEEDS,
)
def test_stateful_rnn_keeps_a_state_per_row(way):
    with layer_call():
        make = partial(tf.keras.layers.RNN, linear_cell(), stateful=True)
        model = FIXED_BATCHES[way](make, ROWS, TIME, FEATURES)
        model(X)
        kept = np.asarray(tf.nest.flatten(model.layers[-1].states)[0])
    assert_same("states", kept, expected_results()[1])


BATCHES = {
    "arrays and batch_size": lambda x, y: ((x, y), {"batch_size": ROWS}),
    "tf.data.Dataset": lambda x, y: ((tf.data.Dataset.from_tensor_slices((x, y)).batch(ROWS),), {}),
}


@pytest.mark.parametrize("data", BATCHES)
@example(
    "RNN",
    "Remember to also specify the same `batch_size=...` when calling `fit()`, or otherwise use a "
    "generator-like data source like a `keras.utils.PyDataset` or a `tf.data.Dataset`. Specify "
    "`shuffle=False` when calling `fit()`, since your batches are expected to be temporally "
    "ordered.",
    needs=NEEDS,
)
def test_unshuffled_fit_carries_the_rnn_state_over(data):
    with layer_call():
        rnn = stateful_rnn()
        model = tf.keras.Sequential([fixed_batch_input(ROWS, 1, FEATURES), rnn])
        model.compile(tf.keras.optimizers.SGD(0.0), "mse")
        steps = np.concatenate(np.split(X, TIME, axis=1))  # one batch after the other
        given, more = BATCHES[data](steps, np.zeros((len(steps), UNITS), np.float32))
        model.fit(*given, **more, shuffle=False, verbose=0)
        kept = np.asarray(tf.nest.flatten(rnn.states)[0])
    assert_same("state after fit", kept, expected_results()[1])


@example(
    "RNN",
    "You can specify the initial state of RNN layers symbolically by calling them with the keyword "
    "argument `initial_state`.",
    needs=NEEDS,
)
def test_rnn_accepts_a_symbolic_state():
    with layer_call():
        inputs = [tf.keras.Input((None, FEATURES)), tf.keras.Input((UNITS,))]
        rnn = tf.keras.layers.RNN(linear_cell(), **RETURN_ALL)
        model = tf.keras.Model(inputs, list(rnn(inputs[0], initial_state=inputs[1:])))
        predicted = model.predict([X, H], verbose=0)
    assert_parts(results_of(model, [X, H]), expected_results(state=H))
    assert_parts(predicted, expected_results(state=H))


@example(
    "RNN",
    "This layer supports masking for input data with a variable number of timesteps. To introduce "
    "masks to your data, use a `keras.layers.Embedding` layer with the `mask_zero` parameter set "
    "to `True`.",
    needs=NEEDS,
)
def test_rnn_skips_masked_embedding_indices():
    indices = np.where(MASK, 1 + np.arange(ROWS * TIME).reshape(ROWS, TIME), 0)
    with layer_call():
        embedding = tf.keras.layers.Embedding(1 + ROWS * TIME, FEATURES, mask_zero=True)
        embedding.build((None, None))
        rows = np.concatenate([np.ones((1, FEATURES)), X.reshape(-1, FEATURES)])
        embedding.set_weights([rows])
        rnn = tf.keras.layers.RNN(linear_cell(), **RETURN_ALL)
        results = results_of(rnn, embedding(tf.constant(indices)))
    assert_parts(results, expected_results(mask=MASK))


WRONG_SHAPES = {
    "inputs of two dimensions": {"x": X[0]},
    "inputs of other features": {"x": X[:, :, :2]},
    "a mask of too few steps": {"mask": MASK[:, :3]},
    "a mask of too few rows": {"mask": np.concatenate([MASK, MASK, MASK])[:3]},
    "a state of other units": {"initial_state": H[:, :3]},
}


@pytest.mark.parametrize("wrong", WRONG_SHAPES)
@example(
    "RNN",
    "sequences: A 3-D tensor with shape `(batch_size, timesteps, features)`. mask: Binary tensor "
    "of shape `[batch_size, timesteps]`",
    needs=NEEDS,
)
def test_rnn_rejects_a_wrong_shape(wrong):
    given = {name: tf.constant(value) for name, value in WRONG_SHAPES[wrong].items()}
    if "initial_state" in given:
        given["initial_state"] = [given["initial_state"]]
    rnn, x = tf.keras.layers.RNN(linear_cell()), given.pop("x", tf.constant(X))
    assert_rejected(wrong, lambda: rnn(x, **given))


class ReportsTraining(tf.keras.layers.Layer):
    """A cell whose output is 1 in training and -1 otherwise."""

    state_size = output_size = 1

    def call(self, inputs, states, training=None):
        return tf.ones_like(inputs[:, :1]) * (1.0 if training else -1.0), states


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("training", [None, False, True])
@example(
    "RNN",
    "training: Python boolean indicating whether the layer should behave in training mode or in "
    "inference mode. This argument is passed to the cell when calling it.",
)
def test_rnn_passes_training_to_its_cell(training, unroll):
    rnn = tf.keras.layers.RNN(ReportsTraining(), unroll=unroll, return_sequences=True)
    given = {} if training is None else {"training": training}
    (reported,) = results_of(rnn, tf.constant(X), **given)
    expected = np.full((ROWS, TIME, 1), 1.0 if training else -1.0)
    assert_same("training mode of the cell", reported, expected)


@example("RNN", "training: ... This is for use with cells that use dropout.", needs=NEEDS)
def test_rnn_without_dropout_ignores_training():
    with layer_call():
        rnn = tf.keras.layers.RNN(linear_cell(), **RETURN_ALL)
    assert_parts(results_of(rnn, tf.constant(X), training=True), expected_results())


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("state", [False, True])
@example(
    "RNN",
    "If `return_sequences`: 3D tensor with shape `(batch_size, timesteps, output_size)`. ... The "
    "remaining tensors are the last states, each with shape `(batch_size, state_size)`",
    needs=NEEDS,
)
def test_rnn_shapes_follow_the_return_flags(sequences, state):
    with layer_call():
        rnn = tf.keras.layers.RNN(linear_cell(), return_sequences=sequences, return_state=state)
        assert_shapes(rnn, X.shape, [(UNITS,)][:state], (UNITS,), sequences)


class TwoStateSizesCell(tf.keras.layers.Layer):
    """A cell with two states, of 2 and 3 units, and an output of 5 units."""

    def __init__(self, **more):
        super().__init__(**more)
        self.state_size, self.output_size = [2, 3], 5

    def call(self, inputs, states):
        return tf.concat(states, axis=-1), [state + 1 for state in states]


class TwoStateSizesWithoutOutputSize(TwoStateSizesCell):
    """A cell without `output_size`, whose output is its first state."""

    def __init__(self, **more):
        super().__init__(**more)
        del self.output_size

    def call(self, inputs, states):
        return states[0], [state + 1 for state in states]


@pytest.mark.parametrize("sequences", [False, True])
@example(
    "RNN",
    "cell: A `state_size` attribute. ... This can also be a list/tuple of integers (one size per "
    "state). A `output_size` attribute, a single integer.",
)
def test_cell_output_size_determines_the_output_shape(sequences):
    rnn = tf.keras.layers.RNN(TwoStateSizesCell(), return_sequences=sequences, return_state=True)
    with layer_call():
        assert_shapes(rnn, X.shape, [(2,), (3,)], (5,), sequences)


@pytest.mark.parametrize("sequences", [False, True])
@example(
    "RNN",
    "cell: A `output_size` attribute. ... if this attribute is not available for the cell, the "
    "value will be inferred by the first element of the `state_size`.",
)
def test_missing_output_size_defaults_to_first_state(sequences):
    cell = TwoStateSizesWithoutOutputSize()
    rnn = tf.keras.layers.RNN(cell, return_sequences=sequences, return_state=True)
    with layer_call():
        assert_shapes(rnn, X.shape, [(2,), (3,)], (2,), sequences)


def assert_shapes(rnn, shape, states, output, sequences) -> None:
    """Raise Mismatch unless returned, computed and symbolic shapes are the expected ones.

    shape: of the inputs. states, output: the shapes of the states and the output of one row.
    """
    batch, time, features = shape
    expected = [(batch, *[time] * sequences, *output), *((batch, *state) for state in states)]
    returned = [tuple(part.shape) for part in tf.nest.flatten(rnn(tf.zeros(shape)))]
    computed = flat_shapes(rnn.compute_output_shape(tuple(shape)))
    symbol = tf.keras.Input((time, features), batch_size=batch)
    symbolic = [tuple(part.shape) for part in tf.nest.flatten(rnn(symbol))]
    kinds = {"returned": returned, "computed": computed, "symbolic": symbolic}
    for kind, got in kinds.items():
        if got != expected:
            raise Mismatch(f"expected shapes {expected}, {got} are {kind}")


class CellWithChosenState(tf.keras.layers.Layer):
    """A cell with an initial state of 7, whose output is its state."""

    state_size = output_size = 2

    def call(self, inputs, states):
        return states[0], [states[0]]

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        return tf.fill((batch_size, 2), 7.0)


@pytest.mark.parametrize("path", [EAGER, FUNCTION])
@example(
    "RNN",
    "cell: A `get_initial_state(batch_size=None)` method that creates a tensor meant to be fed to "
    "`call()` as the initial state, if the user didn't specify any initial state via other means. "
    "The returned initial state should have shape `(batch_size, cell.state_size)`. The cell might "
    "choose to create a tensor full of zeros, or other values",
)
def test_cell_provides_the_default_initial_state(path):
    given = np.ones((ROWS, 2), np.float32)
    with layer_call():
        call = path.call(tf.keras.layers.RNN(CellWithChosenState()))
        chosen = call(tf.constant(X))
        other = call(tf.constant(X), initial_state=[tf.constant(given)])
    assert_same("initial state of the cell", chosen, np.full((ROWS, 2), 7.0))
    assert_same("given initial state", other, given)


class CountingCell(tf.keras.layers.Layer):
    """A cell whose state counts the steps, and whose output adds the constants to the count."""

    state_size = output_size = 1

    def call(self, inputs, states, constants=None):
        count = states[0] + 1
        return count + (constants[0] if constants else 0), [count]


@example(
    "RNN",
    "cell: A `call(input_at_t, states_at_t)` method, returning `(output_at_t, "
    "states_at_t_plus_1)`.",
)
def test_each_step_receives_the_previous_state():
    rnn = tf.keras.layers.RNN(CountingCell(), **RETURN_ALL)
    counts = np.broadcast_to(np.arange(1.0, TIME + 1)[:, None], (ROWS, TIME, 1))
    assert_parts(results_of(rnn, tf.constant(X)), [counts, counts[:, -1]])


@example(
    "RNN",
    "cell: ... The call method of the cell can also take the optional argument `constants`, see "
    'section "Note on passing external constants" below. constants: List of constant tensors to be '
    "passed to the cell at each timestep.",
)
def test_constants_reach_the_cell_at_each_step():
    rnn = tf.keras.layers.RNN(CountingCell(), return_sequences=True)
    (got,) = results_of(rnn, tf.constant(X), constants=[tf.fill((ROWS, 1), 10.0)])
    counts = np.broadcast_to(np.arange(1.0, TIME + 1)[:, None], (ROWS, TIME, 1))
    assert_same("outputs", got, 10 + counts)


@example(
    "RNN",
    "This requires that the `cell.call` method accepts the same keyword argument `constants`.",
)
def test_constants_are_rejected_without_cell_support():
    rnn = tf.keras.layers.RNN(ReportsTraining())
    constants = [tf.fill((ROWS, 1), 10.0)]
    assert_rejected("a constant", lambda: rnn(tf.constant(X), constants=constants))
