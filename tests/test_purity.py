"""A call has no effect but its results."""

import gc
import threading

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness import layer
from tests.harness.cases import replace
from tests.harness.compare import Mismatch, Run, assert_exact, assert_same
from tests.harness.copies import PREDICT_ON_BATCH
from tests.harness.drawing import ALWAYS_MASKED, EXACT
from tests.harness.paths import EAGER, SHARED, UNKNOWN, UNROLL, WHOLE, the_layer
from tests.harness.properties import documented, promise
from tests.harness.releases import tf

ON = (EAGER, UNROLL, UNKNOWN)


TRAINING = (
    "training: Python boolean indicating whether the layer should behave in training mode or in "
    "inference mode. ... This is only relevant if `dropout` or `recurrent_dropout` is used."
)


@promise(
    "SimpleRNN",
    TRAINING,
    choices=EXACT,
    integers=True,
    on=ON,
    training=st.booleans(),
)
def test_training_changes_nothing_where_nothing_is_dropped(case, path, training):
    made = path.built(case)
    outputs, state = path.results(case, made, training=training)
    assert_exact(Run(outputs, state), case)
    for old, new in zip(case.weights, made.get_weights(), strict=True):
        assert_same("weights afterwards", new, old)


@promise("SimpleRNN", "output = simple_rnn(inputs)", on=ON, case_cost=2)
def test_the_same_call_twice_gives_the_same_and_changes_no_variable(case, path):
    first, made = path.run(case), path.built(case)
    before = [np.asarray(v) for v in made.variables]
    outputs, state = path.results(case, made)
    assert_same("outputs", outputs, first.outputs)
    assert_same("state", state, first.state)
    for old, new in zip(before, made.variables, strict=True):
        assert_same("variable", np.asarray(new), old)


@promise(
    "SimpleRNN",
    "mask: Binary tensor of shape `[batch, timesteps]` indicating whether a given timestep should "
    "be masked.",
    choices={**ALWAYS_MASKED, **EXACT, "initial_state": (True,)},
    integers=True,
    on=ON,
    needs={"mask", "initial_state"},
    case_cost=2,
)
def test_a_call_leaves_no_mask_and_no_state_to_the_next(case, path):
    made, without = path.built(case), replace(case, mask=None, initial_state=None)
    path.run(case, made)
    assert_exact(path.run(without, made), without)


@pytest.mark.parametrize("path", [EAGER, UNROLL, UNKNOWN], ids=str)
@documented("SimpleRNN", TRAINING, needs={"dropout", "recurrent_dropout", "training"})
def test_inference_changes_no_variable_where_training_drops(path):
    made = path.new(4, 2, dropout=0.5, recurrent_dropout=0.5)
    before = [np.asarray(v) for v in made.variables]
    with the_layer():
        path.call(made)(tf.ones((2, 3, 2)), training=False)
    for old, new in zip(before, made.variables, strict=True):
        assert_same("variable", np.asarray(new), old)


@promise(
    "Functional API",
    "Shared layers are layer instances that are reused multiple times in the same model -- they "
    "learn features that correspond to multiple paths in the graph-of-layers.",
    choices=EXACT,
    integers=True,
    on=(SHARED,),
)
def test_a_layer_that_is_shared_gives_each_input_its_own(case, path):
    assert_exact(path.run(case), case)


@documented("SimpleRNN", "output = simple_rnn(inputs)")
def test_calls_from_many_threads_give_what_one_thread_gives():
    made = layer.under_test().build(4, 2)
    inputs = [tf.random.stateless_normal((2, 5, 2), (i, 0)) for i in range(8)]
    alone = [np.asarray(made(x)) for x in inputs]
    got = [None] * len(inputs)

    def run(i):
        got[i] = np.asarray(made(inputs[i]))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if any(part is None for part in got):
        raise Mismatch("a call failed in its thread")
    assert_same("outputs", np.stack(got), np.stack(alone))


@pytest.mark.parametrize("path", [EAGER, UNROLL, UNKNOWN, PREDICT_ON_BATCH], ids=str)
@documented("SimpleRNN", "output = simple_rnn(inputs)", needs=WHOLE)
def test_calls_leave_nothing_behind(path):
    call = path.call(path.new(4, 2))
    x = tf.ones((2, 3, 2))

    def tensors_after(calls):
        for _ in range(calls):
            with the_layer():
                call(x)
        gc.collect()
        return sum(isinstance(thing, tf.Tensor) for thing in gc.get_objects())

    call(x)
    before, after = tensors_after(5), tensors_after(20)
    if after > before:
        raise Mismatch(f"20 calls leave {after - before} tensors behind")
