"""SimpleRNNCell: its arguments, and the results of its calls."""

import numpy as np
import pytest
from hypothesis import strategies as st

from reference.activations import ACTIVATIONS
from tests.harness.cases.plans import INTEGER_ACTIVATIONS
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.compare.runs import assert_exact
from tests.harness.paths.direct_cells import NEW_CELL, RNN_OF_NEW_CELL, cell_class
from tests.harness.paths.execution import CELL_LOOP
from tests.harness.paths.path import call_tensors
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.properties.statistical import statistical
from tests.harness.target import layer
from tests.harness.target.arguments import (
    CELL_ARGUMENTS,
    INVALID_VALUES,
    NON_DEFAULT_VALUES,
    PARTS,
    assert_keeps_argument,
)
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.releases import INITIAL_STATES, documented_activations, tf, train_once

UNITS, FEATURES, ROWS = 4, 3, 2
X = np.array([[1, -2, 3], [0, 5, -1]], np.float32)
H = np.array([[1, 0, -2, 3], [2, 2, 0, -1]], np.float32)
SEQUENCE = np.stack([X, X + 1], axis=1)
MANY = 400  # rows, features and units of the cells with dropout
P, Q = 0.3, 0.6
RATES = {"dropout": P, "recurrent_dropout": Q}
EQUAL = dict.fromkeys(RATES, P)  # for properties that do not distinguish the rates
OF_RATE = {"dropout": "inputs", "recurrent_dropout": "states"}
NEEDS = {"documented cell", *RATES, "activation", "use_bias"}


def built(units: int = UNITS, features: int = FEATURES, **options):
    """Return a cell that is built for inputs (batch, features)."""
    with layer_call():
        cell = cell_class()(units, **options)
        cell.build((None, features))
    return cell


def call(cell, x, state, **more):
    """Return output and state (batch, units) of one step of the cell."""
    with layer_call():
        output, after = cell(tf.constant(x), [tf.constant(state)], **more)
    return np.asarray(output), np.asarray(tf.nest.flatten(after)[0])


@generated(
    "SimpleRNNCell",
    "This class processes one step within the whole time sequence input ... states: A 2D tensor "
    "with shape `(batch, units)`, which is the state from the previous time step.",
    choices=INTEGER_ACTIVATIONS,
    integers=True,
    paths=(NEW_CELL,),
    strategies={"bare": st.booleans()},
)
def test_new_cell_computes_one_step_of_the_recurrence(case, path, bare):
    assert_exact(path.run(case, bare=bare), case)


@generated(
    "SimpleRNNCell",
    "states: ... For timestep 0, the initial state provided by user will be feed to cell.",
    choices={**INTEGER_ACTIVATIONS, "initial_state": (True,), "mask": (None,)},
    integers=True,
    paths=(RNN_OF_NEW_CELL,),
    needs={"initial_state"},
)
def test_new_cell_receives_initial_state_at_step_0(case, path):
    assert_exact(path.run(case), case)


@pytest.mark.parametrize("units", [1, 5])
@example(
    "SimpleRNNCell",
    "units: Positive integer, dimensionality of the output space. use_bias: Boolean, (default "
    "`True`), whether the layer should use a bias vector.",
    needs={"documented cell", "use_bias"},
)
def test_weights_of_a_cell_have_the_documented_shapes(units):
    shapes = [(FEATURES, units), (units, units), (units,)]
    for use_bias in (True, False):
        got = [w.shape for w in built(units, use_bias=use_bias).get_weights()]
        if got != (expected := shapes[: 2 + use_bias]):
            raise Mismatch(f"use_bias={use_bias}: expected shapes {expected}, got {got}")


@pytest.mark.parametrize("activation", [None, *documented_activations(ACTIVATIONS)])
@example(
    "SimpleRNNCell",
    "activation: Activation function to use. ... If you pass `None`, no activation is applied (ie. "
    '"linear" activation: `a(x) = x`).',
    needs={"documented cell", "activation", "use_bias"},
)
def test_cell_applies_the_named_activation(activation):
    cell = built(FEATURES, activation=activation, use_bias=False)
    cell.set_weights([np.eye(FEATURES), np.zeros((FEATURES, FEATURES))])
    output, _ = call(cell, X, np.zeros_like(X))
    named = tf.keras.activations.get(activation) if activation else tf.identity
    assert_same("output", output, np.asarray(named(tf.constant(X))))


@pytest.mark.parametrize("part", PARTS)
@example(
    "SimpleRNNCell",
    "kernel_initializer: Initializer for the `kernel` weights matrix; recurrent_initializer: "
    "Initializer for the `recurrent_kernel` weights matrix; bias_initializer: Initializer for the "
    "bias vector.",
    needs={"documented cell", *(f"{part}_initializer" for part in PARTS)},
)
def test_cell_initializer_sets_its_weight_only(part):
    options = {f"{other}_initializer": "zeros" for other in PARTS}
    cell = built(**{**options, f"{part}_initializer": "ones"})
    weights = cell.kernel, cell.recurrent_kernel, cell.bias
    for name, weight in zip(PARTS, weights, strict=True):
        assert_same(name, np.asarray(weight), np.full(weight.shape, float(name == part)))


@pytest.mark.parametrize("part", PARTS)
@example(
    "SimpleRNNCell",
    "kernel_regularizer: Regularizer function applied to the `kernel` weights matrix; "
    "recurrent_regularizer: Regularizer function applied to the `recurrent_kernel` weights matrix; "
    "bias_regularizer: Regularizer function applied to the bias vector.",
    needs={"documented cell", *(f"{part}_regularizer" for part in PARTS)},
)
def test_cell_regularizer_penalizes_its_weight_only(part):
    cell = built(**{f"{part}_regularizer": tf.keras.regularizers.L1(1.0)})
    cell.set_weights([np.full(w.shape, 1.0 + i) for i, w in enumerate(cell.get_weights())])
    call(cell, X, H)
    expected = np.sum(cell.get_weights()[PARTS.index(part)])
    assert_same("losses", [float(loss) for loss in cell.losses], [expected])


@pytest.mark.parametrize("part", PARTS)
@example(
    "SimpleRNNCell",
    "kernel_constraint: Constraint function applied to the `kernel` weights matrix; "
    "recurrent_constraint: Constraint function applied to the `recurrent_kernel` weights matrix; "
    "bias_constraint: Constraint function applied to the bias vector.",
    needs={"documented cell", *(f"{part}_constraint" for part in PARTS)},
)
def test_cell_constraint_holds_for_its_weight_only(part):
    constraint = tf.keras.constraints.NonNeg()
    cell = built(**{f"{part}_constraint": constraint}, activation="linear")
    cell.set_weights([np.full(w.shape, -1.0) for w in cell.get_weights()])
    with layer_call():
        train_once(tf.keras.layers.RNN(cell), SEQUENCE / 64)  # too small a step to change signs
    for name, weight in zip(PARTS, cell.get_weights(), strict=True):
        if np.all(weight >= 0) != (name == part):
            raise Mismatch(f"{part}_constraint: {name} is {weight.tolist()}")


@pytest.mark.parametrize("argument", CELL_ARGUMENTS)
@example("SimpleRNNCell", "Args: ... (each argument of the constructor)", needs={"documented cell"})
def test_cell_keeps_each_argument(argument):
    for value in NON_DEFAULT_VALUES[argument]:
        with layer_call():
            cell = cell_class()(UNITS, **{argument: value})
        assert_keeps_argument(cell, argument, value, "a new cell")


INVALID_CELL_VALUES = [
    (argument, value)
    for argument, values in INVALID_VALUES.items()
    if argument in ("units", *CELL_ARGUMENTS, "no_such_argument")
    for value in values
]


@pytest.mark.parametrize(("argument", "value"), INVALID_CELL_VALUES)
@example(
    "SimpleRNNCell",
    "units: Positive integer; dropout: Float between 0 and 1 (each argument says what it takes)",
    needs={"documented cell"},
)
def test_cell_rejects_an_invalid_value(argument, value):
    def make_and_call():
        cell = cell_class()(**{"units": UNITS, argument: value})
        cell(tf.constant(X), [tf.zeros((ROWS, cell.state_size))], training=True)

    assert_rejected(f"{argument}={value!r}", make_and_call)


WRONG_SHAPES = {
    "inputs of one dimension": {"x": X[0]},
    "inputs of three dimensions": {"x": X[None]},
    "inputs of other features": {"x": X[:, :2]},
    "a state of other units": {"state": H[:, :3]},
    "a state of one row": {"state": H[:1]},
    "a state of other rows": {"state": np.concatenate([H, H])},
}


@pytest.mark.parametrize("wrong", WRONG_SHAPES)
@example(
    "SimpleRNNCell",
    "sequence: A 2D tensor, with shape `(batch, features)`. states: A 2D tensor with shape "
    "`(batch, units)`",
    needs={"documented cell"},
)
def test_cell_rejects_a_wrong_shape(wrong):
    cell, given = built(), {"x": X, "state": H, **WRONG_SHAPES[wrong]}
    assert_rejected(wrong, lambda: cell(tf.constant(given["x"]), [tf.constant(given["state"])]))


DROPOUT = "dropout: Float between 0 and 1. Fraction of the units to drop"
TRAINING = (
    "training: Python boolean indicating whether the layer should behave in training mode or in "
    "inference mode. Only relevant when `dropout` or `recurrent_dropout` is used."
)


def kept_masks(cell, **more) -> dict[str, np.ndarray]:
    """Return the kept inputs and states of a `linear_dropout_cell`, booleans (batch, units).

    A step with inputs of 1 and a state of 0 shows the inputs, and a step with inputs of 0 and a
    state of 1 shows the states.
    """
    ones, zeros = np.ones((MANY, MANY), np.float32), np.zeros((MANY, MANY), np.float32)
    kept = {}
    for what, x, state in (("inputs", ones, zeros), ("states", zeros, ones)):
        kept[what] = call(cell, x, state, **more)[0] != 0
        cell.reset_dropout_mask()  # as a layer does after each call
        cell.reset_recurrent_dropout_mask()
    return kept


def linear_dropout_cell(**options):
    """Return a linear cell that computes x + h, with MANY units."""
    cell = built(MANY, MANY, activation=None, use_bias=False, **options)
    cell.set_weights([np.eye(MANY), np.eye(MANY)])
    return cell


@statistical("SimpleRNNCell", DROPOUT, needs=NEEDS)
def test_cell_drops_the_fraction_of_each_rate(evidence, path):
    kept = kept_masks(linear_dropout_cell(**RATES), training=True)
    evidence.check_probability("inputs dropped", ~kept["inputs"], P)
    evidence.check_probability("states dropped", ~kept["states"], Q)


@statistical("SimpleRNNCell", DROPOUT, needs=NEEDS)
def test_cell_drops_nothing_at_rate_zero(evidence, path):
    for rate in RATES:
        kept = kept_masks(linear_dropout_cell(**{**EQUAL, rate: 0.0}), training=True)[OF_RATE[rate]]
        evidence.check_equal(f"{OF_RATE[rate]} kept", kept, np.ones((MANY, MANY), bool))


@statistical("SimpleRNNCell", DROPOUT, needs=NEEDS)
def test_cell_drops_everything_at_rate_one(evidence, path):
    for rate in RATES:
        kept = kept_masks(linear_dropout_cell(**{**EQUAL, rate: 1.0}), training=True)[OF_RATE[rate]]
        evidence.check_equal(f"{OF_RATE[rate]} kept", kept, np.zeros((MANY, MANY), bool))


@statistical("SimpleRNNCell", TRAINING, needs=NEEDS | {"training"})
def test_cell_drops_only_in_training(evidence, path):
    cell = linear_dropout_cell(**EQUAL)
    for training in ({"training": False}, {}):
        for what, kept in kept_masks(cell, **training).items():
            evidence.check_equal(f"{what} kept with {training}", kept, np.ones((MANY, MANY), bool))
    for what, kept in kept_masks(cell, training=True).items():
        evidence.check_probability(f"{what} dropped", ~kept, P)


@example("SimpleRNNCell", TRAINING, needs={"documented cell", "training"})
def test_cell_without_dropout_ignores_training():
    cell = built()
    (trained, _), (inferred, _) = (call(cell, X, H, training=t) for t in (True, False))
    assert_same("output in training", trained, inferred)


@statistical("SimpleRNNCell", "seed: Random seed for dropout.", needs=NEEDS | {"seed"})
def test_seed_of_a_cell_determines_its_masks(evidence, path):
    one, other, third = (
        kept_masks(linear_dropout_cell(seed=s, **EQUAL), training=True) for s in (5, 5, 6)
    )
    for what in one:
        evidence.check_equal(f"{what} kept with seed 5", one[what], other[what])
        evidence.check_independence(
            f"{what} kept with seeds 5 and 6", one[what], third[what], 1 - P
        )


@generated(
    "SimpleRNNCell",
    "states: A 2D tensor with shape `(batch, units)`, which is the state from the previous time "
    "step.",
    choices={"time": (1,), "large": (None, "units", "batch"), "initial_state": (True,)},
    paths=(CELL_LOOP,),
    strategies={"bare": st.booleans()},
)
def test_cell_of_the_layer_computes_one_step(case, path, bare):
    given = call_tensors(case)
    state = given["initial_state"]
    with layer_call():
        output, after = path.layer_with_state(case).cell(
            given["x"][:, 0], state[0] if bare else state
        )
    whole = path.run(case)
    assert_same("output", output, whole.outputs[:, 0])
    assert_same("state", tf.nest.flatten(after)[0], whole.state)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("given", INITIAL_STATES)
@example(
    "RNN",
    "`get_initial_state(batch_size=None)`: ... The returned initial state should have shape "
    "`(batch_size, cell.state_size)`.",
    needs={"cell.get_initial_state", "dtype"},
)
def test_cell_initial_state_is_zero_in_its_dtype(given, dtype):
    with layer_call():
        cell = layer.under_test().build(4, 2, dtype=dtype).cell
        state = tf.nest.flatten(INITIAL_STATES[given](cell))[0]
    assert_same("state", state, np.zeros((3, 4)))
    if tf.as_dtype(state.dtype).name != dtype:
        raise Mismatch(f"expected a state of {dtype}, got one of {tf.as_dtype(state.dtype).name}")
