"""The arguments of Bidirectional: the layers that it accepts, and its automatic backward layer."""

import numpy as np
import pytest

from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.paths.bidirectional import (
    BIDIRECTIONAL_NEEDS,
    RunningSum,
)
from tests.harness.paths.direct_cells import cell_class
from tests.harness.paths.path import SEQUENCES_AND_STATE
from tests.harness.paths.siblings import rebuild_from_config
from tests.harness.probes.stateful import small_integers
from tests.harness.probes.wrappers import FLAG, SEQUENCE, for_sequence
from tests.harness.properties.example import example
from tests.harness.target import layer
from tests.harness.target.arguments import NON_DEFAULT_VALUES, assert_keeps_argument
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.releases import tf

UNITS, FEATURES = 3, 2
X = small_integers(1, 2, 4, FEATURES).astype(np.float32)
MASK = np.array([[True, False, True, True], [False, True, True, False]])
AUTOMATIC = (
    "backward_layer: ... If `backward_layer` is not provided, the layer instance passed as the "
    "`layer` argument will be used to generate the backward layer automatically."
)


@pytest.mark.parametrize("go_backwards", FLAG)
@example("Bidirectional", AUTOMATIC, needs=BIDIRECTIONAL_NEEDS)
def test_backward_layer_runs_in_the_other_direction(go_backwards):
    made = layer.under_test().make(UNITS, return_sequences=True, go_backwards=go_backwards)
    with layer_call():
        both = tf.keras.layers.Bidirectional(made, merge_mode=None)
        both.build((None, None, FEATURES))
        shapes = (FEATURES, UNITS), (UNITS, UNITS), (UNITS,)
        weights = [small_integers(i, *shape) for i, shape in enumerate(shapes)]
        both.set_weights(weights * 2)
        _, z = both(tf.constant(X))
        other, _ = both(tf.constant(X[:, ::-1]))
    directions = both.forward_layer.go_backwards, both.backward_layer.go_backwards
    if directions != (go_backwards, not go_backwards):
        raise Mismatch(f"go_backwards of the two layers: {directions}")
    assert_same("backward outputs", z, np.asarray(other)[:, ::-1])


LAYERS = {
    "SimpleRNN": lambda **more: layer.under_test().make(UNITS, **more),
    "RNN of a cell": lambda **more: tf.keras.layers.RNN(cell_class()(UNITS), **more),
    "LSTM": lambda **more: tf.keras.layers.LSTM(UNITS, **more),
    "GRU": lambda **more: tf.keras.layers.GRU(UNITS, **more),
}


@pytest.mark.parametrize("kind", LAYERS)
@example(
    "Bidirectional",
    "layer: `keras.layers.RNN` instance, such as `keras.layers.LSTM` or `keras.layers.GRU`.",
    needs=BIDIRECTIONAL_NEEDS | {"documented cell"},
)
def test_bidirectional_accepts_any_rnn(kind):
    with layer_call():
        both = tf.keras.layers.Bidirectional(LAYERS[kind](return_sequences=True))
        outputs = np.asarray(both(tf.constant(X)))
        y = np.asarray(both.forward_layer(tf.constant(X)))
        z = np.asarray(both.backward_layer(tf.constant(X)))[:, ::-1]
    assert_same("outputs", outputs, np.concatenate([y, z], axis=-1))


@example(
    "Bidirectional",
    "The call arguments for this layer are the same as those of the wrapped RNN layer.",
    needs=BIDIRECTIONAL_NEEDS | {"mask"},
)
def test_bidirectional_passes_the_mask_to_both_layers():
    with layer_call():
        made = layer.under_test().make(UNITS)
        both = tf.keras.layers.Bidirectional(made, merge_mode=None)
        x, mask = tf.constant(X), tf.constant(MASK)
        got = [np.asarray(part) for part in both(x, mask=mask)]
        expected = [one(x, mask=mask) for one in (both.forward_layer, both.backward_layer)]
    for what, part, wanted in zip(("forward", "backward"), got, expected, strict=True):
        assert_same(f"{what} output", part, np.asarray(wanted))


@example(
    "Bidirectional",
    "layer: ... Implement serialization via `get_config()` and `from_config()`.",
)
def test_bidirectional_rebuilds_both_layers_from_config():
    with layer_call():
        made = RunningSum(with_stateful=True, name="named")
        both = tf.keras.layers.Bidirectional(made)
    names = both.forward_layer.name, both.backward_layer.name
    if names != ("forward_named", "backward_named") or both.forward_layer is made:
        raise Mismatch(f"the names of the two layers are {names}")


@example("Bidirectional", "layer: ... Have an `input_spec` attribute.")
def test_bidirectional_enforces_the_input_spec():
    with layer_call():
        made = RunningSum(with_stateful=True)  # it accepts inputs of any rank
        made.input_spec = tf.keras.layers.InputSpec(ndim=3)
        both = tf.keras.layers.Bidirectional(made)
    x = tf.constant(X[:, :, :, None])
    assert_rejected("an input that violates the layer's input_spec", lambda: both(x))


MERGED = {
    "sum": np.add,
    "mul": np.multiply,
    "ave": lambda y, z: (y + z) / 2,
    "concat": lambda y, z: np.concatenate([y, z], axis=-1),
    None: lambda y, z: [y, z],
}


@pytest.mark.parametrize("sequences", FLAG)
@pytest.mark.parametrize("merge_mode", MERGED)
@example(
    "Bidirectional",
    "merge_mode: Mode by which outputs of the forward and backward RNNs will be combined. One of "
    '`{"sum", "mul", "concat", "ave", None}`. If `None`, the outputs will not be combined, they '
    "will be returned as a list.",
    needs=BIDIRECTIONAL_NEEDS,
)
def test_merge_mode_combines_the_outputs(merge_mode, sequences):
    with layer_call():
        made = layer.under_test().make(UNITS, return_sequences=sequences)
        both = tf.keras.layers.Bidirectional(made, merge_mode=merge_mode)
        got = both(tf.constant(X))
        y, z = (np.asarray(one(X)) for one in (both.forward_layer, both.backward_layer))
    expected = MERGED[merge_mode](y, z[:, ::-1] if sequences else z)
    if isinstance(got, (list, tuple)) != (merge_mode is None):
        raise Mismatch(f"merge_mode={merge_mode!r}: got {type(got).__name__}")
    for part, wanted in zip(tf.nest.flatten(got), tf.nest.flatten(expected), strict=True):
        assert_same("outputs", part, wanted)


@example(
    "Bidirectional",
    "layer: ... When `return_sequences` is `True`, the output of the masked timestep will be zero "
    "regardless of the layer's original `zero_output_for_mask` value.",
    needs=BIDIRECTIONAL_NEEDS | {"mask", "zero_output_for_mask"},
)
def test_bidirectional_masked_outputs_are_zero():
    for zero_output in FLAG:
        with layer_call():
            made = layer.under_test().make(
                UNITS, return_sequences=True, zero_output_for_mask=zero_output
            )
            both = tf.keras.layers.Bidirectional(made)
            outputs = np.asarray(both(tf.constant(X), mask=tf.constant(MASK)))
        assert_same("outputs of masked steps", outputs[~MASK], 0 * outputs[~MASK])
        if not outputs[MASK].any():
            raise Mismatch("the outputs of all steps are zero")


@example(
    "Bidirectional",
    "backward_layer: Optional `keras.layers.RNN`, or `keras.layers.Layer` instance to be used to "
    "handle backwards input processing.",
    needs=BIDIRECTIONAL_NEEDS | {"use_bias"},
)
def test_given_backward_layer_processes_the_input_backwards():
    make = layer.under_test().make
    with layer_call():
        given = make(UNITS, go_backwards=True, use_bias=False)
        both = tf.keras.layers.Bidirectional(make(UNITS), None, backward_layer=given)
        _, got = both(tf.constant(X))
        expected = np.asarray(given(tf.constant(X)))
    if len(given.get_weights()) != 2:
        raise Mismatch("the backward layer is not the given one, which has no bias")
    assert_same("backward output", got, expected)


CHOSEN_BY_BIDIRECTIONAL = {"name", "go_backwards", "zero_output_for_mask"}
"""The arguments that Bidirectional chooses for its layers."""


@pytest.mark.parametrize("argument", sorted(NON_DEFAULT_VALUES.keys() - CHOSEN_BY_BIDIRECTIONAL))
@example(
    "Bidirectional",
    "backward_layer: ... If `backward_layer` is not provided, the layer instance passed as the "
    "`layer` argument will be used to generate the backward layer automatically.",
    needs=BIDIRECTIONAL_NEEDS,
)
def test_both_directions_keep_the_layer_arguments(argument):
    for value in NON_DEFAULT_VALUES[argument]:
        made = layer.under_test().make(4, **{argument: value})
        with layer_call():
            both = tf.keras.layers.Bidirectional(made)
        assert_keeps_argument(both.forward_layer, argument, value, "the forward layer")
        assert_keeps_argument(both.backward_layer, argument, value, "the backward layer")


@example(
    "Bidirectional",
    "backward_layer: Optional `keras.layers.RNN`, or `keras.layers.Layer` instance to be used to "
    "handle backwards input processing.",
    needs=BIDIRECTIONAL_NEEDS | {"use_bias"},
)
def test_copied_bidirectional_keeps_its_backward_layer():
    with layer_call():
        backward = for_sequence(go_backwards=True, activation="relu", use_bias=False)
        both = tf.keras.layers.Bidirectional(for_sequence(), backward_layer=backward)
        outputs = both(SEQUENCE)
        copied = rebuild_from_config(backward, both)(SEQUENCE)
    assert_same("outputs of the copy", copied, outputs)


@pytest.mark.parametrize("with_stateful", FLAG)
@example(
    "Bidirectional",
    "layer: ... It could also be a `keras.layers.Layer` instance that meets the following "
    "criteria: ... Have a `go_backwards`, `return_sequences` and `return_state` attribute ... Have "
    "an `input_spec` attribute.",
)
def test_bidirectional_accepts_a_layer_meeting_its_criteria(with_stateful):
    with layer_call():
        made = RunningSum(with_stateful=with_stateful)
        got = tf.keras.layers.Bidirectional(made, merge_mode="sum")(SEQUENCE)
    expected = tf.cumsum(SEQUENCE, axis=1) + tf.cumsum(SEQUENCE, axis=1, reverse=True)
    assert_same("outputs", got, expected)


MISMATCHED_BACKWARD_LAYERS = {
    "the same direction": {"go_backwards": False},
    "another return_sequences": {"go_backwards": True, "return_sequences": True},
    "another return_state": {"go_backwards": True, "return_state": True},
    "another stateful": {"go_backwards": True, "stateful": True},
}


@pytest.mark.parametrize("unlike", MISMATCHED_BACKWARD_LAYERS)
@example(
    "Bidirectional",
    "`backward_layer` and `layer` should have different `go_backwards` argument values. A "
    "`ValueError` will be raised if these requirements are not met.",
    needs=BIDIRECTIONAL_NEEDS | SEQUENCES_AND_STATE,
)
def test_bidirectional_rejects_a_mismatched_backward_layer(unlike):
    make = layer.under_test().make
    backward = make(2, **MISMATCHED_BACKWARD_LAYERS[unlike])
    assert_rejected(
        f"a backward layer of {unlike}",
        lambda: tf.keras.layers.Bidirectional(make(2), backward_layer=backward),
        ValueError,
    )


INVALID_WRAPPER_ARGUMENTS = {
    "no layer": {"layer": 3},
    "a backward layer that is none": {"backward_layer": 3},
    "an unknown merge_mode": {"merge_mode": "difference"},
    "a merge_mode that is no name": {"merge_mode": True},
}


@pytest.mark.parametrize("wrong", INVALID_WRAPPER_ARGUMENTS)
@example(
    "Bidirectional",
    "ValueError: 1. If `layer` or `backward_layer` is not a `Layer` instance. 2. In case of "
    "invalid `merge_mode` argument.",
    needs=BIDIRECTIONAL_NEEDS,
)
def test_bidirectional_rejects_invalid_layers_and_modes(wrong):
    given = {"layer": layer.under_test().make(2), **INVALID_WRAPPER_ARGUMENTS[wrong]}
    assert_rejected(wrong, lambda: tf.keras.layers.Bidirectional(**given), ValueError)


@example(
    "Bidirectional",
    "instantiating a `Bidirectional` layer from an existing RNN layer instance will not reuse the "
    "weights state of the RNN layer instance",
    needs=BIDIRECTIONAL_NEEDS,
)
def test_bidirectional_does_not_reuse_layer_weights():
    with layer_call():
        one = layer.under_test().build(2, 2)
        before = one.get_weights()
        both = tf.keras.layers.Bidirectional(one)
        both.build((None, None, 2))
        both.set_weights([w + 1 for w in both.get_weights()])
    for old, new in zip(before, one.get_weights(), strict=True):
        assert_same("weights of the layer", new, old)
