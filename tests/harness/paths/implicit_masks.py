"""Paths on which the mask comes from a layer before, and is handed on to one behind."""

import warnings

from tests.harness.paths.execution import dynamic_shape
from tests.harness.paths.models import NON_EMPTY_BATCHES
from tests.harness.paths.path import path_from_function
from tests.harness.paths.siblings import sibling_layer, stateful_batch_size
from tests.harness.target.calls import assert_rejected
from tests.harness.target.releases import tf


class WithoutMasking(tf.keras.layers.Layer):
    """A layer that does not say that it supports masking."""

    def call(self, inputs):
        return inputs + 1


def assert_next_layer_rejects_mask(outputs) -> None:
    """A layer without masking refuses these outputs, which have a mask. Keras 3 warns as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_rejected("what has a mask", lambda: WithoutMasking()(outputs))


def blank_masked_steps(x, mask):
    """The inputs, with nothing but 9 in masked steps."""
    return tf.where(mask[:, :, None], x, tf.constant(9, x.dtype))


def masking(made):
    """The mask is what Masking finds, where the inputs hold nothing but 9."""

    def call(x, mask, **more):
        x = blank_masked_steps(x, mask)
        return made(tf.keras.layers.Masking(9.0, dtype=x.dtype)(x), **more)

    return call


def masking_traced(made):
    """The same in a trace, in which each tensor is symbolic, as where a model is trained."""
    return dynamic_shape(masking(made))


def masking_in_model(made):
    """The same in a functional model, with an input for the initial state."""

    def call(x, mask, initial_state=None):
        x = blank_masked_steps(x, mask)
        inputs = [tf.keras.Input((None, x.shape[-1]), dtype=x.dtype)]
        inputs += [tf.keras.Input(state.shape[1:], dtype=x.dtype) for state in initial_state or ()]
        masked = tf.keras.layers.Masking(9.0, dtype=x.dtype)(inputs[0])
        more = {"initial_state": inputs[1:]} if initial_state else {}
        model = tf.keras.Model(inputs, list(made(masked, **more)))
        return model([x, *(initial_state or ())])

    return call


def embedding(made, running=lambda run: run):
    """The mask is what Embedding finds: index 0. Each step has an index and a row of its own, of
    which there are more than any case has steps."""
    features = made.get_weights()[0].shape[0]
    layer = tf.keras.layers.Embedding(4096, features, mask_zero=True, dtype=made.compute_dtype)
    layer.build((None, None))
    run = running(lambda indices, **more: made(layer(indices), **more))

    def call(x, mask, **more):
        steps = tf.reshape(tf.range(1, 1 + tf.size(mask)), mask.shape)
        rows = tf.pad(tf.reshape(x, (-1, features)), [[1, 4095 - tf.size(mask)], [0, 0]])
        layer.embeddings.assign(rows)
        return run(tf.where(mask, steps, 0), **more)

    return call


def embedding_traced(made):
    """The same in a trace."""
    return embedding(made, dynamic_shape)


def masking_two_layers(made):
    """A second layer behind the first takes its outputs, and the mask that it hands on. It is of
    weights U^T, -U and -b."""

    def call(x, mask):
        x = blank_masked_steps(x, mask)
        masked = tf.keras.layers.Masking(9.0, dtype=x.dtype)(x)
        _, U, *b = made.get_weights()
        outputs, first_state = made(masked)
        outputs, second_state = sibling_layer(made, U.T, -U, *(-v for v in b))(outputs)
        return outputs, first_state, second_state

    return call


MASKING = path_from_function(masking, blank_masked_steps, choices=NON_EMPTY_BATCHES)
TRACED_PATH_OPTIONS = {
    "traced": True,
    "example_fraction": 0.5,
    # Few traces: let each be one that shows whether its mask is looked at.
    "unsupported": frozenset({"initial_state"}),
    "choices": {**NON_EMPTY_BATCHES, "mask": ("random", "leading", "trailing")},
}
MASKING_TRACED = path_from_function(
    masking_traced, blank_masked_steps, masking, dynamic_shape, **TRACED_PATH_OPTIONS
)
MASKING_IN_MODEL = path_from_function(
    masking_in_model, blank_masked_steps, choices=NON_EMPTY_BATCHES, example_fraction=0.5
)
EMBEDDING = path_from_function(embedding, choices=NON_EMPTY_BATCHES)
EMBEDDING_TRACED = path_from_function(
    embedding_traced, embedding, dynamic_shape, **TRACED_PATH_OPTIONS
)
TWO_LAYERS = path_from_function(
    masking_two_layers,
    blank_masked_steps,
    stateful_batch_size,
    sibling_layer,
    choices=NON_EMPTY_BATCHES,
    unsupported=frozenset({"initial_state", "go_backwards"}),
)
IMPLICIT_MASK_PATHS = (
    MASKING,
    MASKING_TRACED,
    MASKING_IN_MODEL,
    EMBEDDING,
    EMBEDDING_TRACED,
    TWO_LAYERS,
)
