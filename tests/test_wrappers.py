"""Bidirectional, RNN over cells, and cells on top of each other."""

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness import layer
from tests.harness.compare import Mismatch, assert_same
from tests.harness.layer import CLIP
from tests.harness.paths import CELL, arguments_of, the_layer
from tests.harness.properties import documented, promise
from tests.harness.releases import initial_state_of, tf
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


UNLIKE = {
    "the same direction": {"go_backwards": False},
    "another return_sequences": {"go_backwards": True, "return_sequences": True},
    "another return_state": {"go_backwards": True, "return_state": True},
    "another stateful": {"go_backwards": True, "stateful": True},
}


@pytest.mark.parametrize("unlike", UNLIKE)
@documented(
    "Bidirectional",
    "`backward_layer` and `layer` should have different `go_backwards` argument values. A "
    "`ValueError` will be raised if these requirements are not met.",
    needs={"go_backwards", "return_sequences", "return_state", "stateful"},
)
def test_bidirectional_refuses_a_backward_layer_that_does_not_match(unlike):
    make = layer.under_test().make
    try:
        tf.keras.layers.Bidirectional(make(2), backward_layer=make(2, **UNLIKE[unlike]))
    except ValueError:
        return
    raise Mismatch(f"a backward layer of {unlike} is accepted")


@documented(
    "Bidirectional",
    "instantiating a `Bidirectional` layer from an existing RNN layer instance will not reuse the "
    "weights state of the RNN layer instance",
    needs={"go_backwards"},
)
def test_bidirectional_has_weights_of_its_own():
    with the_layer():
        one = layer.under_test().build(2, 2)
        before = one.get_weights()
        both = tf.keras.layers.Bidirectional(one)
        both.build((None, None, 2))
        both.set_weights([w + 1 for w in both.get_weights()])
    for old, new in zip(before, one.get_weights(), strict=True):
        assert_same("weights of the layer", new, old)


@promise(
    "SimpleRNNCell",
    "states: A 2D tensor with shape `(batch, units)`, which is the state from the previous time "
    "step.",
    choices={"time": (1,), "large": (None, "units", "batch"), "initial_state": (True,)},
    on=(CELL,),
    bare=st.booleans(),
)
def test_a_cell_takes_one_step(case, path, bare):
    given = arguments_of(case)
    state = given["initial_state"]
    with the_layer():
        output, after = path.built(case).cell(given["x"][:, 0], state[0] if bare else state)
    whole = path.run(case)
    assert_same("output", output, whole.outputs[:, 0])
    assert_same("state", tf.nest.flatten(after)[0], whole.state)


@documented(
    "RNN",
    "`get_initial_state(batch_size=None)`: ... The returned initial state should have shape "
    "`(batch_size, cell.state_size)`.",
    needs={"cell"},
)
def test_the_initial_state_of_a_cell_is_zero():
    with the_layer():
        state = initial_state_of(layer.under_test().build(4, 2).cell, batch=3)
    assert_same("state", state, np.zeros((3, 4)))
