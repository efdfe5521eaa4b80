"""Stateful layers, whose last state of a batch is the initial state of the next."""

from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st

from reference.formats import FORMATS
from tests.harness.cases.plans import HALF_DTYPES
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.paths.execution import DYNAMIC_SHAPE, EAGER, UNROLL, UNROLL_FUNCTION, XLA
from tests.harness.paths.path import SEQUENCES_AND_STATE
from tests.harness.probes.stateful import (
    STATEFUL_CHOICES,
    STATEFUL_STEPS,
    StatefulLayer,
    integer_layer,
    small_integers,
)
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.layer import CLIP
from tests.harness.target.releases import (
    FIXED_BATCHES,
    fixed_batch_input,
    reset_state,
    set_state,
    tf,
)

STATEFUL = (
    "stateful: Boolean (default: `False`). If `True`, the last state for each sample at index i in "
    "a batch will be used as the initial state for the sample of index i in the following batch."
)
NEEDS = {"stateful", *SEQUENCES_AND_STATE}
X = small_integers(9, 4, 3, 2).astype(np.float32)


@generated(
    "SimpleRNN",
    STATEFUL,
    choices=STATEFUL_CHOICES,
    integers=True,
    paths=(EAGER, UNROLL, UNROLL_FUNCTION, DYNAMIC_SHAPE),
    needs=NEEDS,
    strategies={"mixed": st.booleans(), "sequences": st.booleans(), "steps": STATEFUL_STEPS},
)
def test_stateful_layer_carries_the_state_over(case, path, mixed, sequences, steps):
    mixed = mixed and case.dtype in HALF_DTYPES["dtype"]
    stateful = StatefulLayer(case, path, mixed, sequences)
    for step in (("call", 0, 2), ("call with a state", 1), *steps):
        stateful.apply(step)


@pytest.mark.parametrize("path", [EAGER, UNROLL])
@example(
    "RNN",
    "The cell might choose to create a tensor full of zeros, or other values based on the cell's "
    "implementation.",
    needs=NEEDS,
)
def test_new_stateful_layer_has_zero_state(path):
    made = path.new_layer(4, 2, batch=3, stateful=True)
    assert_same("state", np.asarray(made.states[0]), np.zeros((3, 4)))


@pytest.mark.parametrize("dtype", [*FORMATS, "mixed_float16", "mixed_bfloat16"])
@example(
    "Layer", "dtype: The dtype of the layer's computations and weights.", needs={*NEEDS, "dtype"}
)
def test_state_has_a_dtype_of_the_layer(dtype):
    with layer_call():
        zeros = layer.under_test().zero_initializers
        made = layer.under_test().build(4, 2, 3, stateful=True, dtype=dtype, **zeros)
        kept = tf.as_dtype(made.states[0].dtype).name
    if kept not in (made.compute_dtype, made.variable_dtype):
        raise Mismatch(f"a layer of {dtype} has a state of {kept}")


@pytest.mark.parametrize("path", [EAGER, UNROLL, DYNAMIC_SHAPE, XLA])
@pytest.mark.parametrize("rows", [1, 2, 5])
@example(
    "RNN",
    "This assumes a one-to-one mapping between samples in different successive batches.",
    needs=NEEDS,
)
def test_stateful_layer_rejects_another_batch_size(path, rows):
    run = path.call(path.new_layer(4, 2, batch=3, stateful=True))
    assert_rejected(
        f"a batch of {rows} rows by a layer whose state has 3", lambda: run(tf.ones((rows, 3, 2)))
    )


@pytest.mark.parametrize("way", FIXED_BATCHES)
@example(
    "RNN",
    "Specify a fixed batch size for your model, by passing `batch_size=...` to the `Input` "
    "layer(s) of your model.",
    needs={"stateful"},
)
def test_stateful_layer_keeps_a_state_per_row(way):
    with layer_call():
        model = FIXED_BATCHES[way](partial(layer.under_test().make, 4, stateful=True), 3, 5, 2)
        model(np.ones((3, 5, 2), np.float32))
        kept = np.asarray(model.layers[-1].states[0])
    if kept.shape != (3, 4) or not kept.any():
        raise Mismatch(f"expected a state for each of 3 rows of 4 units, got {kept}")


@example("SimpleRNN", STATEFUL, needs={"stateful"})
def test_predict_and_fit_carry_the_state_over():
    made = integer_layer(4, 2, batch=2, stateful=True, activation=CLIP)
    with layer_call():
        model = tf.keras.Sequential([fixed_batch_input(2, 3, 2), made])
        model.compile(tf.keras.optimizers.SGD(0.0), "mse")
        expected = [np.asarray(made(X[:2])), np.asarray(made(X[2:]))]
        reset_state(made)
        predicted = model.predict(X, batch_size=2, verbose=0)
        reset_state(made)
        model.fit(X, np.zeros((4, 4), np.float32), batch_size=2, shuffle=False, verbose=0)
        after_fit = np.asarray(made.states[0])
    assert_same("predict", predicted, np.concatenate(expected))
    assert_same("state after fit", after_fit, expected[1])


@example(
    "RNN",
    "You can set RNN layers to be 'stateful', which means that the states computed for the samples "
    "in one batch will be reused as initial states for the samples in the next batch.",
    needs={"stateful"},
)
def test_training_does_not_train_the_state():
    made = integer_layer(4, 2, batch=2, stateful=True, activation=CLIP)
    weights = made.get_weights()
    with layer_call():
        state = np.asarray(made(X[:2]))
        reset_state(made)
        model = tf.keras.Sequential([fixed_batch_input(2, 3, 2), made])
        model.compile(tf.keras.optimizers.SGD(0.125), "mse")
        target = np.full((2, 4), 9, np.float32)
        model.fit(X[:2], target, batch_size=2, shuffle=False, verbose=0)
    if all(np.array_equal(*pair) for pair in zip(weights, made.get_weights(), strict=True)):
        raise Mismatch("training changes no weight")
    assert_same("state after training", made.states[0], state)


@example(
    "RNN",
    "You can specify the initial state of RNN layers numerically by calling `reset_state()` with "
    "the keyword argument `states`. The value of `states` should be a numpy array or list of numpy "
    "arrays representing the initial state of the RNN layer.",
    needs={"stateful"},
)
def test_reset_state_sets_given_states():
    made = layer.under_test().build(4, 2, batch=2, stateful=True)
    states = np.ones((2, 4), np.float32)
    with layer_call(TypeError):
        reset = getattr(made, "reset_state", None) or made.reset_states
        reset(states=states)
    assert_same("state", np.asarray(made.states[0]), states)


@example(
    "RNN",
    "To reset the states of your model, call `.reset_state()` on either a specific layer, or on "
    "your entire model.",
    needs={"stateful"},
)
def test_model_reset_resets_its_layers():
    made = layer.under_test().build(4, 2, batch=2, stateful=True)
    model = tf.keras.Sequential([fixed_batch_input(2, 3, 2), made])
    model(X[:2])
    with layer_call(AttributeError):
        (getattr(model, "reset_state", None) or model.reset_states)()
    assert_same("state", np.asarray(made.states[0]), np.zeros((2, 4)))


@example("RNN", "To reset the states of your model, call `.reset_state()`", needs={"stateful"})
def test_reset_state_clears_nan():
    made = layer.under_test().build(4, 2, batch=2, stateful=True)
    with layer_call():
        set_state(made, np.full((2, 4), np.nan))
        reset_state(made)
    assert_same("state", np.asarray(made.states[0]), np.zeros((2, 4)))


@example(
    "Layer.stateless_call",
    "Call the layer without any side effects. ... Returns: A tuple. By default, returns `(outputs, "
    "non_trainable_variables)`. ... These are all elements of state of the layer.",
    needs={"stateful", "stateless_call"},
)
def test_stateless_call_returns_the_new_state():
    made = integer_layer(4, 2, batch=2, stateful=True, activation=CLIP)
    with layer_call():
        given = made.trainable_variables, made.non_trainable_variables
        outputs, after = made.stateless_call(*([v.value for v in part] for part in given), X[:2])
    assert_same("state of the layer", np.asarray(made.states[0]), np.zeros((2, 4)))
    if not any(np.array_equal(value, outputs) for value in after):
        raise Mismatch("the new state is not among the returned variables")
