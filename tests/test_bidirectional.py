"""Bidirectional: the layers that it takes, and the backward layer that it makes of one."""

import numpy as np
import pytest

from tests.harness import layer
from tests.harness.cell_paths import cell_class
from tests.harness.compare import Mismatch, assert_same
from tests.harness.paths import assert_refused, the_layer
from tests.harness.properties import documented
from tests.harness.releases import tf
from tests.harness.stateful import integers
from tests.harness.wrappers import BOTH, RunningSum

UNITS, FEATURES = 3, 2
X = integers(1, 2, 4, FEATURES).astype(np.float32)
MASK = np.array([[True, False, True, True], [False, True, True, False]])
FLAG = [False, True]
AUTOMATIC = (
    "backward_layer: ... If `backward_layer` is not provided, the layer instance passed as the "
    "`layer` argument will be used to generate the backward layer automatically."
)


@pytest.mark.parametrize("go_backwards", FLAG)
@documented("Bidirectional", AUTOMATIC, needs=BOTH)
def test_backward_layer_runs_in_the_other_direction(go_backwards):
    made = layer.under_test().make(UNITS, return_sequences=True, go_backwards=go_backwards)
    with the_layer():
        both = tf.keras.layers.Bidirectional(made, merge_mode=None)
        both.build((None, None, FEATURES))
        shapes = (FEATURES, UNITS), (UNITS, UNITS), (UNITS,)
        weights = [integers(i, *shape) for i, shape in enumerate(shapes)]
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
@documented(
    "Bidirectional",
    "layer: `keras.layers.RNN` instance, such as `keras.layers.LSTM` or `keras.layers.GRU`.",
    needs=BOTH | {"documented cell"},
)
def test_bidirectional_takes_any_rnn(kind):
    with the_layer():
        both = tf.keras.layers.Bidirectional(LAYERS[kind](return_sequences=True))
        outputs = np.asarray(both(tf.constant(X)))
        y = np.asarray(both.forward_layer(tf.constant(X)))
        z = np.asarray(both.backward_layer(tf.constant(X)))[:, ::-1]
    assert_same("outputs", outputs, np.concatenate([y, z], axis=-1))


@documented(
    "Bidirectional",
    "The call arguments for this layer are the same as those of the wrapped RNN layer.",
    needs=BOTH | {"mask"},
)
def test_bidirectional_passes_the_mask_to_both_layers():
    with the_layer():
        made = layer.under_test().make(UNITS)
        both = tf.keras.layers.Bidirectional(made, merge_mode=None)
        x, mask = tf.constant(X), tf.constant(MASK)
        got = [np.asarray(part) for part in both(x, mask=mask)]
        expected = [one(x, mask=mask) for one in (both.forward_layer, both.backward_layer)]
    for what, part, wanted in zip(("forward", "backward"), got, expected, strict=True):
        assert_same(f"{what} output", part, np.asarray(wanted))


@documented(
    "Bidirectional",
    "layer: ... Implement serialization via `get_config()` and `from_config()`.",
)
def test_bidirectional_makes_both_layers_from_the_configuration():
    with the_layer():
        made = RunningSum(with_stateful=True, name="named")
        both = tf.keras.layers.Bidirectional(made)
    names = both.forward_layer.name, both.backward_layer.name
    if names != ("forward_named", "backward_named") or both.forward_layer is made:
        raise Mismatch(f"the names of the two layers are {names}")


@documented("Bidirectional", "layer: ... Have an `input_spec` attribute.")
def test_bidirectional_has_the_input_spec_of_the_layer():
    with the_layer():
        made = RunningSum(with_stateful=True)  # it takes inputs of any rank
        made.input_spec = tf.keras.layers.InputSpec(ndim=3)
        both = tf.keras.layers.Bidirectional(made)
    x = tf.constant(X[:, :, :, None])
    assert_refused("what the input_spec of the layer forbids", lambda: both(x))


MERGED = {
    "sum": np.add,
    "mul": np.multiply,
    "ave": lambda y, z: (y + z) / 2,
    "concat": lambda y, z: np.concatenate([y, z], axis=-1),
    None: lambda y, z: [y, z],
}


@pytest.mark.parametrize("sequences", FLAG)
@pytest.mark.parametrize("merge_mode", MERGED)
@documented(
    "Bidirectional",
    "merge_mode: Mode by which outputs of the forward and backward RNNs will be combined. One of "
    '`{"sum", "mul", "concat", "ave", None}`. If `None`, the outputs will not be combined, they '
    "will be returned as a list.",
    needs=BOTH,
)
def test_outputs_are_combined_as_merge_mode_says(merge_mode, sequences):
    with the_layer():
        made = layer.under_test().make(UNITS, return_sequences=sequences)
        both = tf.keras.layers.Bidirectional(made, merge_mode=merge_mode)
        got = both(tf.constant(X))
        y, z = (np.asarray(one(X)) for one in (both.forward_layer, both.backward_layer))
    expected = MERGED[merge_mode](y, z[:, ::-1] if sequences else z)
    if isinstance(got, (list, tuple)) != (merge_mode is None):
        raise Mismatch(f"merge_mode={merge_mode!r}: got {type(got).__name__}")
    for part, wanted in zip(tf.nest.flatten(got), tf.nest.flatten(expected), strict=True):
        assert_same("outputs", part, wanted)


@documented(
    "Bidirectional",
    "layer: ... When `return_sequences` is `True`, the output of the masked timestep will be zero "
    "regardless of the layer's original `zero_output_for_mask` value.",
    needs=BOTH | {"mask", "zero_output_for_mask"},
)
def test_output_of_a_masked_step_is_zero_in_both_directions():
    for zero_output in FLAG:
        with the_layer():
            made = layer.under_test().make(
                UNITS, return_sequences=True, zero_output_for_mask=zero_output
            )
            both = tf.keras.layers.Bidirectional(made)
            outputs = np.asarray(both(tf.constant(X), mask=tf.constant(MASK)))
        assert_same("outputs of masked steps", outputs[~MASK], 0 * outputs[~MASK])
        if not outputs[MASK].any():
            raise Mismatch("the outputs of all steps are zero")


@documented(
    "Bidirectional",
    "backward_layer: Optional `keras.layers.RNN`, or `keras.layers.Layer` instance to be used to "
    "handle backwards input processing.",
    needs=BOTH | {"use_bias"},
)
def test_given_backward_layer_processes_the_input_backwards():
    make = layer.under_test().make
    with the_layer():
        given = make(UNITS, go_backwards=True, use_bias=False)
        both = tf.keras.layers.Bidirectional(make(UNITS), None, backward_layer=given)
        _, got = both(tf.constant(X))
        expected = np.asarray(given(tf.constant(X)))
    if len(given.get_weights()) != 2:
        raise Mismatch("the backward layer is not the given one, which has no bias")
    assert_same("backward output", got, expected)
