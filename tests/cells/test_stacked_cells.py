"""RNN over stacked cells."""

from itertools import pairwise

import numpy as np
import pytest

from tests.harness.cases.plans import UNIT_MAGNITUDE
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.paths import custom_cells
from tests.harness.paths.bidirectional import (
    BIDIRECTIONAL_NEEDS,
)
from tests.harness.paths.execution import EAGER
from tests.harness.paths.path import call_tensors
from tests.harness.paths.siblings import gradients_through
from tests.harness.paths.stacked_cells import (
    STACKED_PATHS,
    expected_stacked,
    make_stacked,
    manual_stacked,
)
from tests.harness.probes.stateful import small_integers
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
from tests.harness.target.layer import CLIP
from tests.harness.target.releases import reset_state, tf


@generated(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN, resulting in an efficient stacked RNN.",
    choices={"mask": (None,), "initial_state": (False,)},
    paths=(EAGER,),
    needs={"cell"},
    case_cost=2,
)
def test_stacked_cells_keep_full_precision(case, path):
    made, x = path.layer(case, return_sequences=True), call_tensors(case)["x"]
    with layer_call():
        both, (by_hand, _) = make_stacked(made), manual_stacked(made)
        assert_same_parts(tf.nest.flatten(both(x))[:1], [by_hand(x)])


@generated(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN, resulting in an efficient stacked RNN.",
    choices={**CLIPPED, **UNIT_MAGNITUDE},  # a float64 stack of Keras 3 rounds to float32
    integers=True,
    paths=STACKED_PATHS,
)
def test_stacked_cells_match_the_reference(case, path):
    assert_same_parts(path.results(case, path.layer_with_state(case)), expected_stacked(case))


@example(
    "RNN",
    "If `return_state`: a list of tensors. The first tensor is the output. The remaining tensors "
    "are the last states, each with shape `(batch_size, state_size)`",
    needs={"cell"},
)
def test_stacked_cells_return_a_tensor_for_each_state():
    with layer_call():
        stack = [layer.under_test().make(units).cell for units in (4, 3)]
        results = tf.keras.layers.RNN(stack, return_state=True)(X)
    if nested := [part for part in results if isinstance(part, (list, tuple))]:
        raise Mismatch(f"{len(nested)} of {len(results)} results are lists of tensors")
    shapes = [tuple(part.shape) for part in results]
    if shapes != [(1, 3), (1, 4), (1, 3)]:
        raise Mismatch(f"shapes: expected (1, 3), (1, 4), (1, 3), got {shapes}")


@pytest.mark.parametrize("dropping", [0, 1])
@example(
    "RNN",
    "training: ... This argument is passed to the cell when calling it.",
    needs={"cell", "dropout", "training"},
)
def test_each_stacked_cell_drops_only_in_training(dropping):
    make = type(layer.under_test().make(1).cell)
    with layer_call():
        rnn = tf.keras.layers.RNN([make(64, dropout=0.5 * (i == dropping)) for i in range(2)])
        x = tf.ones((8, 2, 64))
        plain, inferred, trained = rnn(x), rnn(x, training=False), rnn(x, training=True)
    assert_same("in inference", inferred, plain)
    if trained.shape != plain.shape or np.any(np.all(trained == plain, axis=1)):
        raise Mismatch(f"cell {dropping} drops nothing in training, or gives {trained.shape}")


@pytest.mark.parametrize("traced", FLAG)
@example(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN",
    needs={"cell", "return_sequences"},
)
def test_gradients_flow_through_stacked_cells(traced):
    with layer_call():
        rnn = make_stacked(for_sequence())
        call = tf.function(rnn) if traced else rnn
        got = gradients_through(lambda x: call(x)[0], [rnn], SEQUENCE)
        expected = gradients_through(*manual_stacked(for_sequence()), SEQUENCE)
    assert_same_parts(got, expected)


@example(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN",
    needs={"cell", "return_sequences"},
)
def test_three_stacked_cells_run_in_order():
    sizes = (2, 4, 3, 5)  # features, then the units of each cell
    options = {"activation": CLIP, "return_sequences": True}
    with layer_call():
        layers = [layer.under_test().build(n, of, **options) for of, n in pairwise(sizes)]
        outputs = [SEQUENCE]
        for i, made in enumerate(layers):
            layer.set_weights(made, *(small_integers(9 * i, *w.shape) for w in made.get_weights()))
            outputs.append(made(outputs[-1]))
        rnn = tf.keras.layers.RNN(
            [made.cell for made in layers], return_sequences=True, return_state=True
        )
        got = tf.nest.flatten(rnn(SEQUENCE))
    assert_same_parts(got, [outputs[-1], *(part[:, -1] for part in outputs[1:])])


@example(
    "RNN",
    "stateful: ... If `True`, the last state for each sample at index `i` in a batch will be used "
    "as initial state for the sample of index `i` in the following batch.",
    needs={"cell", "return_sequences", "stateful"},
)
def test_stateful_stacked_cells_carry_all_states():
    with layer_call():
        rnn = make_stacked(for_sequence(2, stateful=True))
        by_hand, _ = manual_stacked(for_sequence(2, stateful=True))
    assert_carries_state_over(lambda x: rnn(x)[:1], lambda x: [by_hand(x)])


@example(
    "RNN",
    "To reset the states of your model, call `.reset_state()` on either a specific layer, or on "
    "your entire model.",
    needs={"cell", "return_sequences", "stateful"},
)
def test_stacked_cells_reset_all_their_states():
    with layer_call():
        rnn = make_stacked(for_sequence(2, stateful=True))
        first = rnn(SEQUENCE)[0]
        reset_state(rnn)
        after_reset = rnn(SEQUENCE)[0]
    assert_same("outputs after a reset", after_reset, first)


@example(
    "Bidirectional",
    "the first half in the list of elements in the `initial_state` list will be passed to the "
    "forward RNN call and the last half in the list of elements will be passed to the backward RNN "
    "call.",
    needs=BIDIRECTIONAL_NEEDS | {"cell", "initial_state"},
)
def test_directions_split_stacked_initial_states():
    states = [tf.fill((2, 3), float(value)) for value in (1, -2, 3, -1)]
    with layer_call():
        both = tf.keras.layers.Bidirectional(make_stacked(for_sequence()), merge_mode=None)
        got = tf.nest.flatten(both(SEQUENCE, initial_state=states))
        y, *finals = tf.nest.flatten(both.forward_layer(SEQUENCE, initial_state=states[:2]))
        z, *others = tf.nest.flatten(both.backward_layer(SEQUENCE, initial_state=states[2:]))
    assert_same_parts(got, [y, tf.reverse(z, [1]), *finals, *others])


@pytest.mark.parametrize("sequences", FLAG)
@pytest.mark.parametrize("kind", custom_cells.STACKABLE_CELLS)
@example(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN",
    needs={"cell"},
)
def test_shapes_are_computed_for_stacked_cells(kind, sequences):
    with layer_call():
        stack = [
            custom_cells.STACKABLE_CELLS[kind](layer.under_test().make(units).cell)
            for units in (4, 3, 5)
        ]
        made = tf.keras.layers.RNN(stack, return_sequences=sequences, return_state=True)
        assert_computed_shapes(made, X)
