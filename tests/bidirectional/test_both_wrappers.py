"""Common properties of Bidirectional and of RNN over stacked cells."""

import pytest

from tests.harness.paths.bidirectional import (
    BIDIRECTIONAL_NEEDS,
    make_bidirectional,
)
from tests.harness.paths.serialization import (
    checkpoint,
    clone_model,
    h5_file,
    keras_file,
    weights_file,
)
from tests.harness.paths.stacked_cells import (
    make_stacked,
)
from tests.harness.probes.training import assert_not_trained
from tests.harness.probes.wrappers import SEQUENCE, assert_same_parts, for_sequence
from tests.harness.properties.example import example
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

WRAPPERS = {
    "bidirectional": lambda: make_bidirectional(for_sequence(), "concat"),
    "stacked-cells": lambda: make_stacked(for_sequence()),
}


COPY_FUNCTIONS = {
    way.__name__: way for way in (keras_file, h5_file, weights_file, clone_model, checkpoint)
}


@pytest.mark.parametrize("way", COPY_FUNCTIONS)
@pytest.mark.parametrize("wrapper", WRAPPERS)
@example(
    "Model",
    "save: ... The model's configuration (architecture), the model's weights ... Thus models can "
    "be reinstantiated in the exact same state.",
    needs=BIDIRECTIONAL_NEEDS | {"cell"},
)
def test_copied_wrapper_matches_the_original(wrapper, way):
    with layer_call():
        original = WRAPPERS[wrapper]()
        copied = COPY_FUNCTIONS[way](original)
        expected, got = tf.nest.flatten(original(SEQUENCE)), tf.nest.flatten(copied(SEQUENCE))
    assert_same_parts(got, expected)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@example(
    "Masking",
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)",
    needs=BIDIRECTIONAL_NEEDS | {"cell", "mask", "initial_state"},
)
def test_wrapper_with_initial_states_receives_the_mask(wrapper):
    mask = tf.constant([[True, False, True], [False, True, True]])
    masked = tf.keras.layers.Masking(9.0)(tf.where(mask[:, :, None], SEQUENCE, 9.0))
    states = [tf.ones((2, 3)), -tf.ones((2, 3))]
    with layer_call():
        made = WRAPPERS[wrapper]()
        got = tf.nest.flatten(made(masked, initial_state=states))
        expected = tf.nest.flatten(made(masked.numpy(), mask=mask, initial_state=states))
    assert_same_parts(got, expected)


UNBUILT_WRAPPERS = {
    "Bidirectional": tf.keras.layers.Bidirectional,
    "RNN of a cell": lambda made, **more: tf.keras.layers.RNN(made.cell, **more),
    "RNN of a list": lambda made, **more: tf.keras.layers.RNN([made.cell], **more),
}


@pytest.mark.parametrize("when", ["given", "set"])
@pytest.mark.parametrize("wrapper", UNBUILT_WRAPPERS)
@example(
    "Layer",
    "trainable: Boolean, whether the layer's variables should be trainable.",
    needs=BIDIRECTIONAL_NEEDS | {"cell"},
)
def test_non_trainable_wrapper_is_not_trained(wrapper, when):
    with layer_call():
        made = UNBUILT_WRAPPERS[wrapper](layer.under_test().make(3), trainable=when == "set")
        made(SEQUENCE)
        if when == "set":
            made.trainable = False
    assert_not_trained(made, SEQUENCE.numpy())
