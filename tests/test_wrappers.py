"""Bidirectional, RNN over cells, and cells on top of each other."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness import cells, layer
from tests.harness.arguments import UNUSUAL, assert_kept
from tests.harness.compare import Mismatch, assert_run, assert_same
from tests.harness.copies import (
    checkpoint,
    clone_model,
    h5_file,
    keras_file,
    rnn_like,
    weights_file,
)
from tests.harness.drawing import ABOUT_ONE
from tests.harness.layer import CLIP
from tests.harness.paths import (
    CELL,
    EAGER,
    FUNCTION,
    WHOLE,
    arguments_of,
    assert_refused,
    the_layer,
)
from tests.harness.properties import documented, promise
from tests.harness.releases import INITIAL_STATES, reset_state, shapes_of, tf
from tests.harness.stateful import integers, of_integers
from tests.harness.training import assert_not_trained
from tests.harness.wrappers import (
    BIDIRECTIONAL,
    BOTH,
    MERGES,
    ON_EACH_OTHER,
    RunningSum,
    again,
    both_by_hand,
    both_directions,
    both_ways,
    gradients_through,
    one_on_the_other,
    stacked_by_hand,
    two_cells,
)

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
    training=st.booleans(),
)
def test_bidirectional_runs_both_ways_and_merges(case, path, sequences, training):
    made = path.layer(case, return_sequences=sequences, return_state=True)
    expected = both_directions(case, BIDIRECTIONAL[path], sequences)
    assert_same_parts(path.results(case, made, training=training), expected)


@promise(
    "Bidirectional",
    "merge_mode: Mode by which outputs of the forward and backward RNNs will be combined.",
    choices={"mask": (None,), "initial_state": (False,)},
    on=(EAGER,),
    needs=BOTH,
    case_cost=2,
    mode=st.sampled_from(tuple(MERGES)),
)
def test_bidirectional_loses_no_digits(case, path, mode):
    made, x = path.layer(case, return_sequences=True), arguments_of(case)["x"]
    with the_layer():
        both, (by_hand, _) = both_ways(made, mode), both_by_hand(made, mode)
        assert_same_parts(tf.nest.flatten(both(x)), tf.nest.flatten(by_hand(x)))


@promise(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN, resulting in an efficient stacked RNN.",
    choices={"mask": (None,), "initial_state": (False,)},
    on=(EAGER,),
    needs={"cell"},
    case_cost=2,
)
def test_stacked_cells_lose_no_digits(case, path):
    made, x = path.layer(case, return_sequences=True), arguments_of(case)["x"]
    with the_layer():
        both, (by_hand, _) = two_cells(made), stacked_by_hand(made)
        assert_same_parts(tf.nest.flatten(both(x))[:1], [by_hand(x)])


@promise(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN, resulting in an efficient stacked RNN.",
    choices={**EXACT, **ABOUT_ONE},  # a stack of float64 rounds to float32
    integers=True,
    on=ON_EACH_OTHER,
)
def test_cells_are_stacked_on_top_of_each_other(case, path):
    assert_same_parts(path.results(case, path.built(case)), one_on_the_other(case))


@promise(
    "RNN",
    "A RNN cell is a class that has: A `call(input_at_t, states_at_t)` method, returning "
    "`(output_at_t, states_at_t_plus_1)`. A `state_size` attribute. This can be a single integer "
    "... This can also be a list/tuple of integers (one size per state). ... If "
    "[`get_initial_state`] is not implemented by the cell, the RNN layer will create a zero filled "
    "tensor with shape `(batch_size, cell.state_size)`.",
    on=(*cells.EVERY, *cells.OF_KERAS_2),
    case_cost=3,
)
def test_a_cell_of_ones_own_is_run_as_the_layers_is(case, path):
    assert_run(path.run(case), case)


def assert_same_parts(got, expected):
    if len(got) != len(expected):
        raise Mismatch(f"expected {len(expected)} tensors, got {len(got)}")
    for number, (part, wanted) in enumerate(zip(got, expected, strict=True)):
        assert_same(f"part {number}", part, wanted)


FLAG = [False, True]
GIVEN_TO_EACH = {"name", "go_backwards", "zero_output_for_mask"}
"""The arguments that Bidirectional chooses for its layers."""
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
    needs={"cell"},
)
def test_stacked_cells_return_a_tensor_for_each_state():
    with the_layer():
        stack = [layer.under_test().make(units).cell for units in (4, 3)]
        results = tf.keras.layers.RNN(stack, return_state=True)(X)
    if nested := [part for part in results if isinstance(part, (list, tuple))]:
        raise Mismatch(f"{len(nested)} of {len(results)} results are lists of tensors")
    shapes = [tuple(part.shape) for part in results]
    if shapes != [(1, 3), (1, 4), (1, 3)]:
        raise Mismatch(f"shapes: expected (1, 3), (1, 4), (1, 3), got {shapes}")


SEQUENCE = tf.constant(integers(9, 2, 3, 2), tf.float32)


def for_sequence(batch=None, **options):
    """The layer for SEQUENCE, with sequences, and integers that stay exact in both passes."""
    return of_integers(3, 2, batch, **{"activation": "linear", "return_sequences": True, **options})


@pytest.mark.parametrize(("sequences", "traced"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("mode", MERGES)
@documented(
    "Bidirectional",
    "merge_mode: Mode by which outputs of the forward and backward RNNs will be combined.",
    needs=BOTH,
)
def test_gradients_flow_through_both_directions(mode, sequences, traced):
    with the_layer():
        made = for_sequence(return_sequences=sequences)
        both = both_ways(made, mode)
        got = gradients_through(tf.function(both) if traced else both, [both], SEQUENCE)
        expected = gradients_through(*both_by_hand(made, mode), SEQUENCE)
    assert_same_parts(got, expected)


@pytest.mark.parametrize("dropping", [0, 1])
@documented(
    "RNN",
    "training: ... This argument is passed to the cell when calling it.",
    needs={"cell", "dropout", "training"},
)
def test_each_of_the_stacked_cells_drops_in_training_and_only_then(dropping):
    make = type(layer.under_test().make(1).cell)
    with the_layer():
        rnn = tf.keras.layers.RNN([make(64, dropout=0.5 * (i == dropping)) for i in range(2)])
        x = tf.ones((8, 2, 64))
        plain, inferred, trained = rnn(x), rnn(x, training=False), rnn(x, training=True)
    assert_same("in inference", inferred, plain)
    if trained.shape != plain.shape or np.any(np.all(trained == plain, axis=1)):
        raise Mismatch(f"cell {dropping} drops nothing in training, or gives {trained.shape}")


@pytest.mark.parametrize("traced", FLAG)
@documented(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN",
    needs={"cell", "return_sequences"},
)
def test_gradients_flow_through_stacked_cells(traced):
    with the_layer():
        rnn = two_cells(for_sequence())
        call = tf.function(rnn) if traced else rnn
        got = gradients_through(lambda x: call(x)[0], [rnn], SEQUENCE)
        expected = gradients_through(*stacked_by_hand(for_sequence()), SEQUENCE)
    assert_same_parts(got, expected)


@documented(
    "Bidirectional",
    "backward_layer: ... it should have the same values for `stateful`",
    needs=BOTH,
)
def test_bidirectional_goes_on_from_both_states():
    with the_layer():
        both = both_ways(for_sequence(2, stateful=True), None, batch=2)
        by_hand, _ = both_by_hand(for_sequence(2, stateful=True), None)
    assert_goes_on(both, by_hand, both)


@documented(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN",
    needs={"cell", "return_sequences"},
)
def test_three_cells_of_any_sizes_are_stacked_in_order():
    sizes = (2, 4, 3, 5)  # features, and the units of each
    options = {"activation": CLIP, "return_sequences": True}
    with the_layer():
        layers = [layer.under_test().build(n, of, **options) for of, n in pairwise(sizes)]
        outputs = [SEQUENCE]
        for i, made in enumerate(layers):
            layer.set_weights(made, *(integers(9 * i, *w.shape) for w in made.get_weights()))
            outputs.append(made(outputs[-1]))
        rnn = tf.keras.layers.RNN(
            [made.cell for made in layers], return_sequences=True, return_state=True
        )
        got = tf.nest.flatten(rnn(SEQUENCE))
    assert_same_parts(got, [outputs[-1], *(part[:, -1] for part in outputs[1:])])


@documented(
    "RNN",
    "stateful: ... If `True`, the last state for each sample at index `i` in a batch will be used "
    "as initial state for the sample of index `i` in the following batch.",
    needs={"cell", "return_sequences", "stateful"},
)
def test_stacked_cells_go_on_from_all_their_states():
    with the_layer():
        rnn = two_cells(for_sequence(2, stateful=True))
        by_hand, _ = stacked_by_hand(for_sequence(2, stateful=True))
    assert_goes_on(lambda x: rnn(x)[:1], lambda x: [by_hand(x)])


@documented(
    "RNN",
    "To reset the states of your model, call `.reset_state()` on either a specific layer, or on "
    "your entire model.",
    needs={"cell", "return_sequences", "stateful"},
)
def test_a_reset_of_stacked_cells_resets_all_their_states():
    with the_layer():
        rnn = two_cells(for_sequence(2, stateful=True))
        first = rnn(SEQUENCE)[0]
        reset_state(rnn)
        anew = rnn(SEQUENCE)[0]
    assert_same("outputs after a reset", anew, first)


def assert_goes_on(call, by_hand, to_reset=None):
    """A second call goes on where the first ended, and one after a reset begins anew."""
    with the_layer():
        got = [*call(SEQUENCE), *call(SEQUENCE)]
        expected = [*by_hand(SEQUENCE), *by_hand(SEQUENCE)]
        if to_reset is not None:
            reset_state(to_reset)
            got += call(SEQUENCE)
            expected += expected[: len(expected) // 2]
    assert_same_parts(got, expected)


@pytest.mark.parametrize("argument", sorted(UNUSUAL.keys() - GIVEN_TO_EACH))
@documented(
    "Bidirectional",
    "backward_layer: ... If `backward_layer` is not provided, the layer instance passed as the "
    "`layer` argument will be used to generate the backward layer automatically.",
    needs=BOTH,
)
def test_both_directions_have_the_arguments_of_the_layer(argument):
    for value in UNUSUAL[argument]:
        made = layer.under_test().make(4, **{argument: value})
        with the_layer():
            both = tf.keras.layers.Bidirectional(made)
        assert_kept(both.forward_layer, argument, value, "the forward layer")
        assert_kept(both.backward_layer, argument, value, "the backward layer")


@documented(
    "Bidirectional",
    "backward_layer: Optional `keras.layers.RNN`, or `keras.layers.Layer` instance to be used to "
    "handle backwards input processing.",
    needs=BOTH | {"use_bias"},
)
def test_a_backward_layer_of_ones_own_is_kept_in_a_copy():
    with the_layer():
        backward = for_sequence(go_backwards=True, activation="relu", use_bias=False)
        both = tf.keras.layers.Bidirectional(for_sequence(), backward_layer=backward)
        outputs = both(SEQUENCE)
        copied = again(backward, both)(SEQUENCE)
    assert_same("outputs of the copy", copied, outputs)


@pytest.mark.parametrize("path", [EAGER, FUNCTION], ids=str)
@documented(
    "Bidirectional",
    "The call arguments for this layer are the same as those of the wrapped RNN layer.",
    needs={*BOTH, "dropout", "training"},
)
def test_bidirectional_drops_in_training_and_only_then(path):
    made = layer.under_test().build(3, 64, dropout=0.5, return_sequences=True)
    x = tf.ones((8, 2, 64))
    with the_layer():
        both = path.call(both_ways(made, None))
        plain, inferred, trained = both(x), both(x, training=False), both(x, training=True)
    assert_same_parts(inferred, plain)
    if any(np.array_equal(*parts) for parts in zip(trained, plain, strict=True)):
        raise Mismatch("training drops nothing in one of the directions")


@pytest.mark.parametrize("with_stateful", FLAG)
@documented(
    "Bidirectional",
    "layer: ... It could also be a `keras.layers.Layer` instance that meets the following "
    "criteria: ... Have a `go_backwards`, `return_sequences` and `return_state` attribute ... Have "
    "an `input_spec` attribute.",
)
def test_bidirectional_takes_a_layer_that_meets_its_criteria(with_stateful):
    with the_layer():
        made = RunningSum(with_stateful=with_stateful)
        got = tf.keras.layers.Bidirectional(made, merge_mode="sum")(SEQUENCE)
    expected = tf.cumsum(SEQUENCE, axis=1) + tf.cumsum(SEQUENCE, axis=1, reverse=True)
    assert_same("outputs", got, expected)


@pytest.mark.parametrize("return_state", FLAG)
@pytest.mark.parametrize("mode", MERGES)
@documented(
    "Masking",
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)",
    needs={*BOTH, "return_state", "mask"},
)
def test_bidirectional_hands_the_mask_on(mode, return_state):
    mask = tf.constant([[True, False, True], [False, True, True]])
    masked = tf.keras.layers.Masking(9.0)(tf.where(mask[:, :, None], SEQUENCE, 9.0))
    with the_layer():
        results = both_ways(for_sequence(return_state=return_state), mode)(masked)
        parts = tf.nest.flatten(results)[: 1 if mode else 2]
        behind = layer.under_test().build(2, parts[0].shape[-1], return_sequences=True)
        got = [behind(part) for part in parts]
        expected = [behind(tf.identity(part), mask=mask) for part in parts]
    assert_same_parts(got, expected)


@pytest.mark.parametrize("mode", MERGES)
@pytest.mark.parametrize("sequences", FLAG)
@pytest.mark.parametrize("return_state", FLAG)
@documented(
    "Bidirectional",
    "merge_mode: ... If `None`, the outputs will not be combined, they will be returned as a list.",
    needs={*BOTH, "return_state"},
)
def test_shapes_are_computed_for_both_directions(mode, sequences, return_state):
    with the_layer():
        made = for_sequence(return_sequences=sequences, return_state=return_state)
        assert_shapes_are_computed(both_ways(made, mode), SEQUENCE)


@pytest.mark.parametrize("mode", ["concat", None])
@pytest.mark.parametrize("return_state", FLAG)
@documented(
    "Bidirectional",
    "backward_layer: Optional `keras.layers.RNN`, or `keras.layers.Layer` instance to be used to "
    "handle backwards input processing.",
    needs={*BOTH, "return_state"},
)
def test_shapes_are_computed_for_directions_of_unlike_units(mode, return_state):
    options = {"return_sequences": True, "return_state": return_state}
    make = layer.under_test().make
    with the_layer():
        backward = make(5, go_backwards=True, **options)
        both = tf.keras.layers.Bidirectional(make(3, **options), mode, backward_layer=backward)
        assert_shapes_are_computed(both, SEQUENCE)


@documented(
    "Bidirectional",
    "the first half in the list of elements in the `initial_state` list will be passed to the "
    "forward RNN call and the last half in the list of elements will be passed to the backward RNN "
    "call.",
    needs=BOTH | {"cell", "initial_state"},
)
def test_each_direction_takes_its_half_of_the_states_of_stacked_cells():
    states = [tf.fill((2, 3), float(value)) for value in (1, -2, 3, -1)]
    with the_layer():
        both = tf.keras.layers.Bidirectional(two_cells(for_sequence()), merge_mode=None)
        got = tf.nest.flatten(both(SEQUENCE, initial_state=states))
        y, *finals = tf.nest.flatten(both.forward_layer(SEQUENCE, initial_state=states[:2]))
        z, *others = tf.nest.flatten(both.backward_layer(SEQUENCE, initial_state=states[2:]))
    assert_same_parts(got, [y, tf.reverse(z, [1]), *finals, *others])


WRAPPERS = {
    "bidirectional": lambda: both_ways(for_sequence(), "concat"),
    "stacked cells": lambda: two_cells(for_sequence()),
}
WAYS = {way.__name__: way for way in (keras_file, h5_file, weights_file, clone_model, checkpoint)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrapper", WRAPPERS)
@documented(
    "Model",
    "save: ... The model's configuration (architecture), the model's weights ... Thus models can "
    "be reinstantiated in the exact same state.",
    needs=BOTH | {"cell"},
)
def test_a_copy_of_a_wrapper_gives_what_the_wrapper_gives(wrapper, way):
    with the_layer():
        original = WRAPPERS[wrapper]()
        copied = WAYS[way](original)
        expected, got = tf.nest.flatten(original(SEQUENCE)), tf.nest.flatten(copied(SEQUENCE))
    assert_same_parts(got, expected)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@documented(
    "Masking",
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)",
    needs=BOTH | {"cell", "mask", "initial_state"},
)
def test_a_mask_reaches_a_wrapper_that_is_given_states(wrapper):
    mask = tf.constant([[True, False, True], [False, True, True]])
    masked = tf.keras.layers.Masking(9.0)(tf.where(mask[:, :, None], SEQUENCE, 9.0))
    states = [tf.ones((2, 3)), -tf.ones((2, 3))]
    with the_layer():
        made = WRAPPERS[wrapper]()
        got = tf.nest.flatten(made(masked, initial_state=states))
        expected = tf.nest.flatten(made(masked.numpy(), mask=mask, initial_state=states))
    assert_same_parts(got, expected)


BARE = {
    "Bidirectional": tf.keras.layers.Bidirectional,
    "RNN of a cell": lambda made, **more: tf.keras.layers.RNN(made.cell, **more),
    "RNN of a list": lambda made, **more: tf.keras.layers.RNN([made.cell], **more),
}


@pytest.mark.parametrize("when", ["given", "set"])
@pytest.mark.parametrize("wrapper", BARE)
@documented(
    "Layer",
    "trainable: Boolean, whether the layer's variables should be trainable.",
    needs=BOTH | {"cell"},
)
def test_a_wrapper_that_is_not_trainable_is_not_trained(wrapper, when):
    with the_layer():
        made = BARE[wrapper](layer.under_test().make(3), trainable=when == "set")
        made(SEQUENCE)
        if when == "set":
            made.trainable = False
    assert_not_trained(made, SEQUENCE.numpy())


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
    needs=BOTH | WHOLE,
)
def test_bidirectional_refuses_a_backward_layer_that_does_not_match(unlike):
    make = layer.under_test().make
    backward = make(2, **UNLIKE[unlike])
    assert_refused(
        f"a backward layer of {unlike}",
        lambda: tf.keras.layers.Bidirectional(make(2), backward_layer=backward),
        ValueError,
    )


NO_WRAPPER = {
    "no layer": {"layer": 3},
    "a backward layer that is none": {"backward_layer": 3},
    "an unknown merge_mode": {"merge_mode": "difference"},
    "a merge_mode that is no name": {"merge_mode": True},
}


@pytest.mark.parametrize("wrong", NO_WRAPPER)
@documented(
    "Bidirectional",
    "ValueError: 1. If `layer` or `backward_layer` is not a `Layer` instance. 2. In case of "
    "invalid `merge_mode` argument.",
    needs=BOTH,
)
def test_bidirectional_refuses_what_is_no_layer_and_no_merge_mode(wrong):
    given = {"layer": layer.under_test().make(2), **NO_WRAPPER[wrong]}
    assert_refused(wrong, lambda: tf.keras.layers.Bidirectional(**given), ValueError)


@documented(
    "Bidirectional",
    "instantiating a `Bidirectional` layer from an existing RNN layer instance will not reuse the "
    "weights state of the RNN layer instance",
    needs=BOTH,
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


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("given", INITIAL_STATES)
@documented(
    "RNN",
    "`get_initial_state(batch_size=None)`: ... The returned initial state should have shape "
    "`(batch_size, cell.state_size)`.",
    needs={"cell.get_initial_state", "dtype"},
)
def test_the_initial_state_of_a_cell_is_zero_in_its_dtype(given, dtype):
    with the_layer():
        cell = layer.under_test().build(4, 2, dtype=dtype).cell
        state = tf.nest.flatten(INITIAL_STATES[given](cell))[0]
    assert_same("state", state, np.zeros((3, 4)))
    if tf.as_dtype(state.dtype).name != dtype:
        raise Mismatch(f"expected a state of {dtype}, got one of {tf.as_dtype(state.dtype).name}")


@pytest.mark.parametrize("kind", cells.KINDS)
@documented(
    "RNN",
    "A `output_size` attribute, a single integer. ... if this attribute is not available for the "
    "cell, the value will be inferred by the first element of the `state_size`.",
    needs={"cell"},
)
def test_shapes_are_computed_for_a_cell_of_any_kind(kind):
    with the_layer():
        made = layer.under_test().build(4, 2)
        assert_shapes_are_computed(rnn_like(made, cells.KINDS[kind](made.cell)), X)


@pytest.mark.parametrize("sequences", FLAG)
@pytest.mark.parametrize("kind", cells.STACKABLE)
@documented(
    "RNN",
    "In the case that `cell` is a list of RNN cell instances, the cells will be stacked on top of "
    "each other in the RNN",
    needs={"cell"},
)
def test_shapes_are_computed_for_cells_of_unlike_sizes(kind, sequences):
    with the_layer():
        stack = [cells.STACKABLE[kind](layer.under_test().make(units).cell) for units in (4, 3, 5)]
        made = tf.keras.layers.RNN(stack, return_sequences=sequences, return_state=True)
        assert_shapes_are_computed(made, X)


def assert_shapes_are_computed(made, x):
    """What compute_output_shape and a symbolic call say are the shapes of the results."""
    come = [tuple(part.shape) for part in tf.nest.flatten(made(x))]
    symbol = tf.keras.Input(x.shape[1:], batch_size=x.shape[0])
    symbolic = [tuple(part.shape) for part in tf.nest.flatten(made(symbol))]
    computed = shapes_of(made.compute_output_shape(tuple(x.shape)))
    if not come == computed == symbolic:
        raise Mismatch(f"shapes: {come} come, {computed} are computed, {symbolic} are symbolic")
