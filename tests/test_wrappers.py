"""Bidirectional, RNN over cells, and cells on top of each other."""

import pytest
from hypothesis import strategies as st

from tests.harness import layer
from tests.harness.compare import Mismatch, assert_same
from tests.harness.layer import CLIP
from tests.harness.paths import the_layer
from tests.harness.properties import documented, promise
from tests.harness.releases import tf
from tests.harness.wrappers import BIDIRECTIONAL, STACKED, both_directions, one_on_the_other

EXACT = {"activation": (CLIP,)}


@promise(
    "Bidirectional",
    "merge_mode: Mode by which outputs of the forward and backward RNNs will be combined. ... the "
    "first half in the list of elements in the `initial_state` list will be passed to the forward "
    "RNN call and the last half in the list of elements will be passed to the backward RNN call.",
    choices=EXACT,
    integers=True,
    on=tuple(BIDIRECTIONAL),
    sequences=st.booleans(),
)
def test_bidirectional_runs_both_ways_and_merges(case, path, sequences):
    made = path.layer(case, return_sequences=sequences, return_state=True)
    expected = both_directions(case, BIDIRECTIONAL[path], sequences)
    assert_same_parts(path.results(case, made), expected)


@promise(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN, resulting in an efficient stacked RNN.",
    choices=EXACT,
    integers=True,
    on=(STACKED,),
)
def test_cells_are_stacked_on_top_of_each_other(case, path):
    assert_same_parts(path.results(case, path.built(case)), one_on_the_other(case))


def assert_same_parts(got, expected):
    if len(got) != len(expected):
        raise Mismatch(f"expected {len(expected)} tensors, got {len(got)}")
    for number, (part, wanted) in enumerate(zip(got, expected, strict=True)):
        assert_same(f"part {number}", part, wanted)


FLAG = [False, True]
X = tf.constant([[[1.0, 2.0], [3.0, -1.0]]])


@pytest.mark.parametrize("mask", FLAG)
@pytest.mark.parametrize("stateful", FLAG)
@pytest.mark.parametrize("return_state", FLAG)
@documented(
    "Bidirectional",
    "The call arguments for this layer are the same as those of the wrapped RNN layer.",
    needs={"stateful", "return_state", "mask"},
)
def test_bidirectional_takes_what_the_layer_takes(mask, stateful, return_state):
    one = layer.under_test().make(2, stateful=stateful, return_state=return_state)
    with the_layer():
        both = tf.keras.layers.Bidirectional(one)
        parts = tf.nest.flatten(both(X, mask=tf.constant([[True, False]]) if mask else None))
    shapes = [tuple(part.shape) for part in parts]
    expected = [(1, 4)] + 2 * return_state * [(1, 2)]
    if shapes != expected:
        raise Mismatch(f"shapes: expected {expected}, got {shapes}")


@documented(
    "RNN",
    "If `return_state`: a list of tensors. The first tensor is the output. The remaining tensors "
    "are the last states, each with shape `(batch_size, state_size)`",
)
def test_stacked_cells_return_a_tensor_for_each_state():
    cells = [tf.keras.layers.SimpleRNNCell(units) for units in (4, 3)]
    with the_layer():
        results = tf.keras.layers.RNN(cells, return_state=True)(X)
        shapes = [tuple(part.shape) for part in results]
    if shapes != [(1, 3), (1, 4), (1, 3)]:
        raise Mismatch(f"shapes: expected (1, 3), (1, 4), (1, 3), got {shapes}")
