"""The outputs, states, gradients and shapes of Bidirectional."""

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness.compare.assertions import Mismatch
from tests.harness.paths.bidirectional import (
    BIDIRECTIONAL_NEEDS,
    BIDIRECTIONAL_PATHS,
    MERGES,
    expected_bidirectional,
    make_bidirectional,
    manual_bidirectional,
)
from tests.harness.paths.execution import EAGER, FUNCTION
from tests.harness.paths.path import call_tensors
from tests.harness.paths.siblings import gradients_through
from tests.harness.probes.wrappers import (
    CLIPPED,
    FLAG,
    SEQUENCE,
    X,
    assert_carries_state_over,
    assert_computed_shapes,
    assert_same_parts,
    for_sequence,
)
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf


@generated(
    "Bidirectional",
    "merge_mode: Mode by which outputs of the forward and backward RNNs will be combined. ... the "
    "first half in the list of elements in the `initial_state` list will be passed to the forward "
    "RNN call and the last half in the list of elements will be passed to the backward RNN call.",
    choices=CLIPPED,
    integers=True,
    paths=tuple(BIDIRECTIONAL_PATHS),
    strategies={"sequences": st.booleans(), "training": st.booleans()},
)
def test_bidirectional_runs_and_merges_both_directions(case, path, sequences, training):
    made = path.layer(case, return_sequences=sequences, return_state=True)
    expected = expected_bidirectional(case, BIDIRECTIONAL_PATHS[path], sequences)
    assert_same_parts(path.results(case, made, training=training), expected)


@generated(
    "Bidirectional",
    "merge_mode: Mode by which outputs of the forward and backward RNNs will be combined.",
    choices={"mask": (None,), "initial_state": (False,)},
    paths=(EAGER,),
    needs=BIDIRECTIONAL_NEEDS,
    case_cost=2,
    strategies={"mode": st.sampled_from(tuple(MERGES))},
)
def test_bidirectional_keeps_full_precision(case, path, mode):
    made, x = path.layer(case, return_sequences=True), call_tensors(case)["x"]
    with layer_call():
        both, (by_hand, _) = make_bidirectional(made, mode), manual_bidirectional(made, mode)
        assert_same_parts(tf.nest.flatten(both(x)), tf.nest.flatten(by_hand(x)))


@pytest.mark.parametrize("mask", FLAG)
@pytest.mark.parametrize("stateful", FLAG)
@pytest.mark.parametrize("return_state", FLAG)
@example(
    "Bidirectional",
    "The call arguments for this layer are the same as those of the wrapped RNN layer.",
    needs={"stateful", "return_state", "mask"},
)
def test_bidirectional_accepts_the_layer_call_arguments(mask, stateful, return_state):
    one = layer.under_test().make(2, stateful=stateful, return_state=return_state)
    with layer_call():
        both = tf.keras.layers.Bidirectional(one)
        parts = tf.nest.flatten(both(X, mask=tf.constant([[True, False]]) if mask else None))
    shapes = [tuple(part.shape) for part in parts]
    expected = [(1, 4)] + 2 * return_state * [(1, 2)]
    if shapes != expected:
        raise Mismatch(f"shapes: expected {expected}, got {shapes}")


@pytest.mark.parametrize(("sequences", "traced"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("mode", MERGES)
@example(
    "Bidirectional",
    "merge_mode: Mode by which outputs of the forward and backward RNNs will be combined.",
    needs=BIDIRECTIONAL_NEEDS,
)
def test_gradients_flow_through_both_directions(mode, sequences, traced):
    with layer_call():
        made = for_sequence(return_sequences=sequences)
        both = make_bidirectional(made, mode)
        got = gradients_through(tf.function(both) if traced else both, [both], SEQUENCE)
        expected = gradients_through(*manual_bidirectional(made, mode), SEQUENCE)
    assert_same_parts(got, expected)


@example(
    "Bidirectional",
    "backward_layer: ... it should have the same values for `stateful`",
    needs=BIDIRECTIONAL_NEEDS,
)
def test_stateful_bidirectional_carries_both_states():
    with layer_call():
        both = make_bidirectional(for_sequence(2, stateful=True), None, batch=2)
        by_hand, _ = manual_bidirectional(for_sequence(2, stateful=True), None)
    assert_carries_state_over(both, by_hand, both)


@pytest.mark.parametrize("path", [EAGER, FUNCTION])
@example(
    "Bidirectional",
    "The call arguments for this layer are the same as those of the wrapped RNN layer.",
    needs={*BIDIRECTIONAL_NEEDS, "dropout", "training"},
)
def test_bidirectional_drops_only_in_training(path):
    made = layer.under_test().build(3, 64, dropout=0.5, return_sequences=True)
    x = tf.ones((8, 2, 64))
    with layer_call():
        both = path.call(make_bidirectional(made, None))
        plain, inferred, trained = both(x), both(x, training=False), both(x, training=True)
    assert_same_parts(inferred, plain)
    if any(np.array_equal(*parts) for parts in zip(trained, plain, strict=True)):
        raise Mismatch("training drops nothing in one of the directions")


@pytest.mark.parametrize("return_state", FLAG)
@pytest.mark.parametrize("mode", MERGES)
@example(
    "Masking",
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)",
    needs={*BIDIRECTIONAL_NEEDS, "return_state", "mask"},
)
def test_bidirectional_propagates_the_mask(mode, return_state):
    mask = tf.constant([[True, False, True], [False, True, True]])
    masked = tf.keras.layers.Masking(9.0)(tf.where(mask[:, :, None], SEQUENCE, 9.0))
    with layer_call():
        results = make_bidirectional(for_sequence(return_state=return_state), mode)(masked)
        parts = tf.nest.flatten(results)[: 1 if mode else 2]
        next_layer = layer.under_test().build(2, parts[0].shape[-1], return_sequences=True)
        got = [next_layer(part) for part in parts]
        expected = [next_layer(tf.identity(part), mask=mask) for part in parts]
    assert_same_parts(got, expected)


@pytest.mark.parametrize("mode", MERGES)
@pytest.mark.parametrize("sequences", FLAG)
@pytest.mark.parametrize("return_state", FLAG)
@example(
    "Bidirectional",
    "merge_mode: ... If `None`, the outputs will not be combined, they will be returned as a list.",
    needs={*BIDIRECTIONAL_NEEDS, "return_state"},
)
def test_bidirectional_computes_its_output_shapes(mode, sequences, return_state):
    with layer_call():
        made = for_sequence(return_sequences=sequences, return_state=return_state)
        assert_computed_shapes(make_bidirectional(made, mode), SEQUENCE)


@pytest.mark.parametrize("mode", ["concat", None])
@pytest.mark.parametrize("return_state", FLAG)
@example(
    "Bidirectional",
    "backward_layer: Optional `keras.layers.RNN`, or `keras.layers.Layer` instance to be used to "
    "handle backwards input processing.",
    needs={*BIDIRECTIONAL_NEEDS, "return_state"},
)
def test_bidirectional_computes_shapes_for_different_units(mode, return_state):
    options = {"return_sequences": True, "return_state": return_state}
    make = layer.under_test().make
    with layer_call():
        backward = make(5, go_backwards=True, **options)
        both = tf.keras.layers.Bidirectional(make(3, **options), mode, backward_layer=backward)
        assert_computed_shapes(both, SEQUENCE)
