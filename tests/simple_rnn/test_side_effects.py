"""Calls without side effects."""

import gc
import threading

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness.cases.case import replace
from tests.harness.cases.plans import ALWAYS_MASKED, INTEGER_ACTIVATIONS
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.compare.runs import Run, assert_exact
from tests.harness.paths.execution import DYNAMIC_SHAPE, EAGER, SHARED, UNROLL
from tests.harness.paths.models import PREDICT_ON_BATCH
from tests.harness.paths.path import SEQUENCES_AND_STATE
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

PURITY_PATHS = (EAGER, UNROLL, DYNAMIC_SHAPE)


TRAINING = (
    "training: Python boolean indicating whether the layer should behave in training mode or in "
    "inference mode. ... This is only relevant if `dropout` or `recurrent_dropout` is used."
)


@generated(
    "SimpleRNN",
    TRAINING,
    choices=INTEGER_ACTIVATIONS,
    integers=True,
    paths=PURITY_PATHS,
    strategies={"training": st.booleans()},
)
def test_training_has_no_effect_without_dropout(case, path, training):
    made = path.layer_with_state(case)
    outputs, state = path.results(case, made, training=training)
    assert_exact(Run(outputs, state), case)
    for old, new in zip(case.weights, made.get_weights(), strict=True):
        assert_same("weights afterwards", new, old)


@generated("SimpleRNN", "output = simple_rnn(inputs)", paths=PURITY_PATHS, case_cost=2)
def test_repeated_calls_agree_and_keep_variables(case, path):
    first, made = path.run(case), path.layer_with_state(case)
    before = [np.asarray(v) for v in made.variables]
    outputs, state = path.results(case, made)
    assert_same("outputs", outputs, first.outputs)
    assert_same("state", state, first.state)
    for old, new in zip(before, made.variables, strict=True):
        assert_same("variable", np.asarray(new), old)


@generated(
    "SimpleRNN",
    "mask: Binary tensor of shape `[batch, timesteps]` indicating whether a given timestep should "
    "be masked.",
    choices={**ALWAYS_MASKED, **INTEGER_ACTIVATIONS, "initial_state": (True,)},
    integers=True,
    paths=PURITY_PATHS,
    needs={"mask", "initial_state"},
    case_cost=2,
)
def test_mask_and_state_do_not_persist(case, path):
    made, without = path.layer_with_state(case), replace(case, mask=None, initial_state=None)
    path.run(case, made)
    assert_exact(path.run(without, made), without)


@pytest.mark.parametrize("path", [EAGER, UNROLL, DYNAMIC_SHAPE])
@example("SimpleRNN", TRAINING, needs={"dropout", "recurrent_dropout", "training"})
def test_inference_with_dropout_changes_no_variable(path):
    made = path.new_layer(4, 2, dropout=0.5, recurrent_dropout=0.5)
    before = [np.asarray(v) for v in made.variables]
    with layer_call():
        path.call(made)(tf.ones((2, 3, 2)), training=False)
    for old, new in zip(before, made.variables, strict=True):
        assert_same("variable", np.asarray(new), old)


@generated(
    "Functional API",
    "Shared layers are layer instances that are reused multiple times in the same model -- they "
    "learn features that correspond to multiple paths in the graph-of-layers.",
    choices=INTEGER_ACTIVATIONS,
    integers=True,
    paths=(SHARED,),
)
def test_shared_layer_calls_are_independent(case, path):
    assert_exact(path.run(case), case)


@example("SimpleRNN", "output = simple_rnn(inputs)")
def test_threaded_calls_match_sequential_calls():
    made = layer.under_test().build(4, 2)
    inputs = [tf.random.stateless_normal((2, 5, 2), (i, 0)) for i in range(8)]
    expected = [np.asarray(made(x)) for x in inputs]
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
    assert_same("outputs", np.stack(got), np.stack(expected))


@pytest.mark.parametrize("path", [EAGER, UNROLL, DYNAMIC_SHAPE, PREDICT_ON_BATCH])
@example("SimpleRNN", "output = simple_rnn(inputs)", needs=SEQUENCES_AND_STATE)
def test_repeated_calls_do_not_leak_tensors(path):
    call = path.call(path.new_layer(4, 2))
    x = tf.ones((2, 3, 2))

    def tensors_after(calls):
        for _ in range(calls):
            with layer_call():
                call(x)
        gc.collect()
        return sum(isinstance(found, tf.Tensor) for found in gc.get_objects())

    call(x)
    before, after = tensors_after(5), tensors_after(20)
    if after > before:
        raise Mismatch(f"20 calls leak {after - before} tensors")
