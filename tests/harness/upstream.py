"""Paths on which the mask comes from a layer before, and is handed on to one behind."""

from tests.harness.copies import BATCHES
from tests.harness.paths import through, unknown
from tests.harness.releases import tf
from tests.harness.wrappers import another, batch_of


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


def embedding(made):
    """The mask is what Embedding finds: index 0. Each step has an index and a row of its own."""

    def call(x, mask, **more):
        steps = tf.reshape(tf.range(1, 1 + x.shape[0] * x.shape[1]), x.shape[:2])
        rows = tf.reshape(x, (-1, x.shape[-1]))
        rows = tf.concat([tf.fill((1, x.shape[-1]), tf.constant(9, x.dtype)), rows], axis=0)
        layer = tf.keras.layers.Embedding(*rows.shape, mask_zero=True, dtype=x.dtype)
        layer.build((None, None))
        layer.embeddings.assign(rows)
        return made(layer(tf.where(mask, steps, 0)), **more)

    return call


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
TRACED = through(
    masking_traced,
    blanked,
    masking,
    unknown,
    traced=True,
    share=0.5,
    # Few traces: let each be one that shows whether its mask is looked at.
    lacks=frozenset({"initial_state"}),
    choices={**BATCHES, "mask": ("random", "leading", "trailing")},
)
MODEL = through(masking_in_a_model, blanked, choices=BATCHES, share=0.5)
EMBEDDING = through(embedding, choices=BATCHES)
TWO_LAYERS = through(
    masking_and_two_layers,
    blanked,
    batch_of,
    another,
    choices=BATCHES,
    lacks=frozenset({"initial_state", "go_backwards"}),
)
EVERY = (MASKING, TRACED, MODEL, EMBEDDING, TWO_LAYERS)
