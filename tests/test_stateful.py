"""`stateful`: the last state of a batch is the initial state of the next."""

from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st

from reference.rounding import FORMATS
from tests.harness import layer
from tests.harness.compare import Mismatch, assert_same
from tests.harness.drawing import HALF
from tests.harness.layer import CLIP
from tests.harness.paths import (
    EAGER,
    UNKNOWN,
    UNROLL,
    UNROLL_FUNCTION,
    WHOLE,
    XLA,
    assert_refused,
    the_layer,
)
from tests.harness.properties import documented, promise
from tests.harness.releases import FIXED_BATCHES, batch_input, reset_state, set_state, tf
from tests.harness.stateful import CHOICES, STEPS, StatefulLayer, integers, of_integers

STATEFUL = (
    "stateful: Boolean (default: `False`). If `True`, the last state for each sample at index i in "
    "a batch will be used as the initial state for the sample of index i in the following batch."
)
NEEDS = {"stateful", *WHOLE}
X = integers(9, 4, 3, 2).astype(np.float32)


@promise(
    "SimpleRNN",
    STATEFUL,
    choices=CHOICES,
    integers=True,
    on=(EAGER, UNROLL, UNROLL_FUNCTION, UNKNOWN),
    needs=NEEDS,
    mixed=st.booleans(),
    sequences=st.booleans(),
    steps=STEPS,
)
def test_a_stateful_layer_goes_on_from_its_last_state(case, path, mixed, sequences, steps):
    mixed = mixed and case.dtype in HALF["dtype"]
    stateful = StatefulLayer(case, path, mixed, sequences)
    for step in (("call", 0, 2), ("call with a state", 1), *steps):
        stateful.do(step)


@pytest.mark.parametrize("path", [EAGER, UNROLL], ids=str)
@documented(
    "RNN",
    "The cell might choose to create a tensor full of zeros, or other values based on the cell's "
    "implementation.",
    needs=NEEDS,
)
def test_a_new_stateful_layer_has_a_state_of_zeros(path):
    made = path.new(4, 2, batch=3, stateful=True)
    assert_same("state", np.asarray(made.states[0]), np.zeros((3, 4)))


@pytest.mark.parametrize("dtype", [*FORMATS, "mixed_float16", "mixed_bfloat16"])
@documented(
    "Layer", "dtype: The dtype of the layer's computations and weights.", needs={*NEEDS, "dtype"}
)
def test_the_state_is_kept_in_a_dtype_of_the_layer(dtype):
    with the_layer():
        zeros = layer.under_test().zeros
        made = layer.under_test().build(4, 2, 3, stateful=True, dtype=dtype, **zeros)
        kept = tf.as_dtype(made.states[0].dtype).name
    if kept not in (made.compute_dtype, made.variable_dtype):
        raise Mismatch(f"a layer of {dtype} keeps a state of {kept}")


@pytest.mark.parametrize("path", [EAGER, UNROLL, UNKNOWN, XLA], ids=str)
@pytest.mark.parametrize("rows", [1, 2, 5])
@documented(
    "RNN",
    "This assumes a one-to-one mapping between samples in different successive batches.",
    needs=NEEDS,
)
def test_a_stateful_layer_refuses_another_batch_size(path, rows):
    run = path.call(path.new(4, 2, batch=3, stateful=True))
    assert_refused(
        f"a batch of {rows} rows by a layer whose state has 3", lambda: run(tf.ones((rows, 3, 2)))
    )


@pytest.mark.parametrize("way", FIXED_BATCHES)
@documented(
    "RNN",
    "Specify a fixed batch size for your model, by passing `batch_size=...` to the `Input` "
    "layer(s) of your model.",
    needs={"stateful"},
)
def test_a_stateful_layer_keeps_a_state_for_each_row_of_the_batch(way):
    with the_layer():
        model = FIXED_BATCHES[way](partial(layer.under_test().make, 4, stateful=True), 3, 5, 2)
        model(np.ones((3, 5, 2), np.float32))
        kept = np.asarray(model.layers[-1].states[0])
    if kept.shape != (3, 4) or not kept.any():
        raise Mismatch(f"expected a state for each of 3 rows of 4 units, got {kept}")


@documented("SimpleRNN", STATEFUL, needs={"stateful"})
def test_predict_and_fit_carry_the_state_from_batch_to_batch():
    made = of_integers(4, 2, batch=2, stateful=True, activation=CLIP)
    with the_layer():
        model = tf.keras.Sequential([batch_input(2, 3, 2), made])
        model.compile(tf.keras.optimizers.SGD(0.0), "mse")
        apart = [np.asarray(made(X[:2])), np.asarray(made(X[2:]))]
        reset_state(made)
        together = model.predict(X, batch_size=2, verbose=0)
        reset_state(made)
        model.fit(X, np.zeros((4, 4), np.float32), batch_size=2, shuffle=False, verbose=0)
        after_fit = np.asarray(made.states[0])
    assert_same("predict", together, np.concatenate(apart))
    assert_same("state after fit", after_fit, apart[1])


@documented(
    "RNN",
    "You can set RNN layers to be 'stateful', which means that the states computed for the samples "
    "in one batch will be reused as initial states for the samples in the next batch.",
    needs={"stateful"},
)
def test_training_trains_the_weights_and_not_the_state():
    made = of_integers(4, 2, batch=2, stateful=True, activation=CLIP)
    weights = made.get_weights()
    with the_layer():
        state = np.asarray(made(X[:2]))
        reset_state(made)
        model = tf.keras.Sequential([batch_input(2, 3, 2), made])
        model.compile(tf.keras.optimizers.SGD(0.125), "mse")
        target = np.full((2, 4), 9, np.float32)
        model.fit(X[:2], target, batch_size=2, shuffle=False, verbose=0)
    if all(np.array_equal(*pair) for pair in zip(weights, made.get_weights(), strict=True)):
        raise Mismatch("training leaves all weights as they were")
    assert_same("state after training", made.states[0], state)


@documented(
    "RNN",
    "You can specify the initial state of RNN layers numerically by calling `reset_state()` with "
    "the keyword argument `states`. The value of `states` should be a numpy array or list of numpy "
    "arrays representing the initial state of the RNN layer.",
    needs={"stateful"},
)
def test_reset_with_states_sets_them():
    made = layer.under_test().build(4, 2, batch=2, stateful=True)
    states = np.ones((2, 4), np.float32)
    with the_layer(TypeError):
        reset = getattr(made, "reset_state", None) or made.reset_states
        reset(states=states)
    assert_same("state", np.asarray(made.states[0]), states)


@documented(
    "RNN",
    "To reset the states of your model, call `.reset_state()` on either a specific layer, or on "
    "your entire model.",
    needs={"stateful"},
)
def test_reset_of_a_model_resets_its_layers():
    made = layer.under_test().build(4, 2, batch=2, stateful=True)
    model = tf.keras.Sequential([batch_input(2, 3, 2), made])
    model(X[:2])
    with the_layer(AttributeError):
        (getattr(model, "reset_state", None) or model.reset_states)()
    assert_same("state", np.asarray(made.states[0]), np.zeros((2, 4)))


@documented("RNN", "To reset the states of your model, call `.reset_state()`", needs={"stateful"})
def test_a_reset_forgets_even_what_is_no_number():
    made = layer.under_test().build(4, 2, batch=2, stateful=True)
    with the_layer():
        set_state(made, np.full((2, 4), np.nan))
        reset_state(made)
    assert_same("state", np.asarray(made.states[0]), np.zeros((2, 4)))


@documented(
    "Layer.stateless_call",
    "Call the layer without any side effects. ... Returns: A tuple. By default, returns `(outputs, "
    "non_trainable_variables)`. ... These are all elements of state of the layer.",
    needs={"stateful", "stateless_call"},
)
def test_a_stateless_call_gives_the_state_that_a_call_would_leave():
    made = of_integers(4, 2, batch=2, stateful=True, activation=CLIP)
    with the_layer():
        given = made.trainable_variables, made.non_trainable_variables
        outputs, after = made.stateless_call(*([v.value for v in part] for part in given), X[:2])
    assert_same("state of the layer", np.asarray(made.states[0]), np.zeros((2, 4)))
    if not any(np.array_equal(value, outputs) for value in after):
        raise Mismatch("the new state is not among the variables that are given back")
