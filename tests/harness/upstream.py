"""Paths on which the mask comes from a layer before, and is handed on to one behind."""

import warnings

from tests.harness.copies import BATCHES
from tests.harness.paths import assert_refused, through, unknown
from tests.harness.releases import tf
from tests.harness.wrappers import another, batch_of


class WithoutMasking(tf.keras.layers.Layer):
    """A layer that does not say that it supports masking."""

    def call(self, inputs):
        return inputs + 1


def assert_mask_refused_behind(outputs) -> None:
    """A layer without masking refuses these outputs, which have a mask. Keras 3 warns as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_refused("what has a mask", lambda: WithoutMasking()(outputs))


def blanked(x, mask):
    """The inputs, with nothing but 9 in masked steps."""
    return tf.where(mask[:, :, None], x, tf.constant(9, x.dtype))


def masking(made):
    """The mask is what Masking finds, where the inputs hold nothing but 9."""

    def call(x, mask, **more):
        x = blanked(x, mask)
        return made(tf.keras.layers.Masking(9.0, dtype=x.dtype)(x), **more)

    return call


def masking_traced(made):
    """The same in a trace, in which each tensor is symbolic, as where a model is trained."""
    return unknown(masking(made))


def masking_in_a_model(made):
    """The same in a functional model, with an input for the initial state."""

    def call(x, mask, initial_state=None):
        x = blanked(x, mask)
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
    return embedding(made, unknown)


def masking_and_two_layers(made):
    """A second layer behind the first takes its outputs, and the mask that it hands on. It is of
    weights U^T, -U and -b."""

    def call(x, mask):
        x = blanked(x, mask)
        masked = tf.keras.layers.Masking(9.0, dtype=x.dtype)(x)
        _, U, *b = made.get_weights()
        outputs, first_state = made(masked)
        outputs, second_state = another(made, U.T, -U, *(-v for v in b))(outputs)
        return outputs, first_state, second_state

    return call


MASKING = through(masking, blanked, choices=BATCHES)
IN_A_TRACE = {
    "traced": True,
    "share": 0.5,
    # Few traces: let each be one that shows whether its mask is looked at.
    "lacks": frozenset({"initial_state"}),
    "choices": {**BATCHES, "mask": ("random", "leading", "trailing")},
}
MASKING_TRACED = through(masking_traced, blanked, masking, unknown, **IN_A_TRACE)
MODEL = through(masking_in_a_model, blanked, choices=BATCHES, share=0.5)
EMBEDDING = through(embedding, choices=BATCHES)
EMBEDDING_TRACED = through(embedding_traced, embedding, unknown, **IN_A_TRACE)
TWO_LAYERS = through(
    masking_and_two_layers,
    blanked,
    batch_of,
    another,
    choices=BATCHES,
    lacks=frozenset({"initial_state", "go_backwards"}),
)
EVERY = (MASKING, MASKING_TRACED, MODEL, EMBEDDING, EMBEDDING_TRACED, TWO_LAYERS)
