"""Paths on which another layer computes the mask, and the layer passes it on to the next."""

import warnings
from typing import Any

from tests.harness.cases.plans import UNIT_MAGNITUDE, several
from tests.harness.paths.execution import dynamic_shape
from tests.harness.paths.models import NON_EMPTY_BATCHES
from tests.harness.paths.path import Path, path_from_function
from tests.harness.paths.siblings import sibling_layer
from tests.harness.target.calls import assert_rejected
from tests.harness.target.releases import tf


class WithoutMasking(tf.keras.layers.Layer):
    """A layer that does not support masking."""

    def call(self, inputs):
        return inputs + 1


def assert_next_layer_rejects_mask(outputs) -> None:
    """Raise Mismatch unless a layer without masking rejects these outputs, which have a mask."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras 3 warns as well
        assert_rejected("an input with a mask", lambda: WithoutMasking()(outputs))


def blank_masked_steps(x, mask):
    """Return the inputs (batch, time, features) with 9 in all features of masked steps."""
    return tf.where(mask[:, :, None], x, tf.constant(9, x.dtype))


def masking(made, running=lambda run: run, wrapped=lambda layer: layer):
    """Return the layer after Masking, which masks the steps whose features are all 9.

    running: how both layers are called; wrapped: the wrapper of each of them.
    """
    outer = wrapped(made)

    def call(x, mask, **more):
        inner = wrapped(tf.keras.layers.Masking(9.0, dtype=x.dtype))
        return running(lambda x, **more: outer(inner(x), **more))(
            blank_masked_steps(x, mask), **more
        )

    return call


def masking_traced(made):
    """Return `masking` in a tf.function, where every tensor is symbolic, as in training."""
    return dynamic_shape(masking(made))


def masking_in_model(made):
    """Return `masking` as a functional model, with an input for the initial state."""

    def call(x, mask, initial_state=None):
        x = blank_masked_steps(x, mask)
        inputs = [tf.keras.Input((None, x.shape[-1]), dtype=x.dtype)]
        inputs += [tf.keras.Input(state.shape[1:], dtype=x.dtype) for state in initial_state or ()]
        masked = tf.keras.layers.Masking(9.0, dtype=x.dtype)(inputs[0])
        more = {"initial_state": inputs[1:]} if initial_state else {}
        model = tf.keras.Model(inputs, list(made(masked, **more)))
        return model([x, *(initial_state or ())])

    return call


def embedding(made, running=lambda run: run, wrapped=lambda layer: layer):
    """Return the layer after Embedding with `mask_zero`, which masks the steps of index 0.

    Each unmasked step has a different index, whose row of the embeddings holds its inputs. The
    embeddings have 4096 rows, more than any case has steps. running, wrapped: as in `masking`.
    """
    features = made.get_weights()[0].shape[0]
    layer = tf.keras.layers.Embedding(4096, features, mask_zero=True, dtype=made.compute_dtype)
    layer.build((None, None))
    inner, outer = wrapped(layer), wrapped(made)
    run = running(lambda indices, **more: outer(inner(indices), **more))

    def call(x, mask, **more):
        steps = tf.reshape(tf.range(1, 1 + tf.size(mask)), mask.shape)
        rows = tf.pad(tf.reshape(x, (-1, features)), [[1, 4095 - tf.size(mask)], [0, 0]])
        layer.embeddings.assign(rows)
        return run(tf.where(mask, steps, 0), **more)

    return call


def embedding_traced(made):
    """Return `embedding` in a tf.function."""
    return embedding(made, dynamic_shape)


def masking_two_layers(made):
    """Return two layers after Masking: the second one takes outputs and mask from the first.

    The second layer has the weights U^T, -U and -b.
    """

    def call(x, mask):
        x = blank_masked_steps(x, mask)
        masked = tf.keras.layers.Masking(9.0, dtype=x.dtype)(x)
        _, U, *b = made.get_weights()
        outputs, first_state = made(masked)
        outputs, second_state = sibling_layer(made, U.T, -U, *(-v for v in b))(outputs)
        return outputs, first_state, second_state

    return call


def merging_layers(given, masked, constant, new):
    """Return the layers with several inputs of `layers_between`; `new` creates a layer."""
    return {
        "add": lambda x: new("Add")([x, constant(0.0)]),
        "subtract": lambda x: new("Subtract")([x, constant(0.0)]),
        "multiply": lambda x: new("Multiply")([x, constant(1.0)]),
        "average": lambda x: new("Average")([x, x]),
        "maximum": lambda x: new("Maximum")([x, constant(-1e4)]),
        "minimum": lambda x: new("Minimum")([x, constant(1e4)]),
        "concatenate": lambda x: new("Concatenate")(
            [masked(given[:, :, :1]), masked(given[:, :, 1:])]
        ),
        "concatenate-in-time": lambda x: new("Concatenate", axis=1)(
            [masked(given[:, :1]), masked(given[:, 1:])]
        ),
        "add-unmasked": lambda x: new("Add")([x, tf.zeros_like(x)]),
        "concatenate-unmasked": lambda x: new("Concatenate")(
            [masked(given[:, :, :1]), x[:, :, 1:]]
        ),
    }


def layers_between(given, masked, constant, dtype):
    """Return layers that pass on their inputs and the mask unchanged, by name.

    Each is a function of a masked tensor (batch, time, features). given: the tensor before Masking.
    masked: a function that applies Masking to a tensor. constant: a function from a number to a
    tensor of this number with the same mask, from an Embedding.
    """

    def new(kind, *arguments, **more):
        return getattr(tf.keras.layers, kind)(*arguments, dtype=dtype, **more)

    def unchanged(x, changed):
        return new("Add")([x, new("Multiply")([changed, constant(0.0)])])

    features = getattr(given, "shape", [None])[-1]
    dense = {"use_bias": False, "kernel_initializer": tf.keras.initializers.Identity()}
    zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    recurrent = {"return_sequences": True, **zeros}
    return {
        "activation": lambda x: new("Activation", "linear")(x),
        "activity-regularization": lambda x: new("ActivityRegularization", l2=0.5)(x),
        "dropout": lambda x: new("Dropout", 0.5)(x),
        "alpha-dropout": lambda x: new("AlphaDropout", 0.5)(x),
        "spatial-dropout": lambda x: new("SpatialDropout1D", 0.5)(x),
        "gaussian-dropout": lambda x: new("GaussianDropout", 0.5)(x),
        "gaussian-noise": lambda x: new("GaussianNoise", 0.5)(x),
        "prelu": lambda x: new("PReLU", alpha_initializer="ones", shared_axes=[1])(x),
        "dense": lambda x: new("Dense", features, **dense)(x),
        "time-distributed": lambda x: new("TimeDistributed", new("Dense", features, **dense))(x),
        **merging_layers(given, masked, constant, new),
        "relu": lambda x: unchanged(x, new("ReLU")(x)),
        "elu": lambda x: unchanged(x, new("ELU")(x)),
        "leaky-relu": lambda x: unchanged(x, new("LeakyReLU")(x)),
        "softmax": lambda x: unchanged(x, new("Softmax")(x)),
        "layer-normalization": lambda x: unchanged(x, new("LayerNormalization")(x)),
        "batch-normalization": lambda x: unchanged(x, new("BatchNormalization")(x)),
        "unit-normalization": lambda x: unchanged(x, new("UnitNormalization")(x)),
        "simple-rnn": lambda x: unchanged(x, new("SimpleRNN", features, **recurrent)(x)),
        "gru": lambda x: unchanged(x, new("GRU", features, **recurrent)(x)),
        "lstm": lambda x: unchanged(x, new("LSTM", features, **recurrent)(x)),
        "bidirectional": lambda x: unchanged(
            x, new("Bidirectional", new("SimpleRNN", features, **recurrent), merge_mode="sum")(x)
        ),
    }


def through(name):
    """Return the path of a mask from Masking through the named layer of `layers_between`."""

    def run_through(made):
        def call(x, mask, **more):
            x, dtype = blank_masked_steps(x, mask), made.compute_dtype

            def masked(part):
                return tf.keras.layers.Masking(9.0, dtype=dtype)(part)

            def constant(value):
                rows = tf.keras.initializers.Constant(value)
                options = {"mask_zero": True, "embeddings_initializer": rows, "dtype": dtype}
                return tf.keras.layers.Embedding(2, x.shape[-1], **options)(tf.cast(mask, "int32"))

            between = layers_between(x, masked, constant, dtype)[name]
            return made(between(masked(x)), **more)

        return call

    return run_through


def masking_chain(made):
    """Return Masking, layers that pass on inputs and mask unchanged, and the layer, in one trace of
    a functional model."""

    def call(x, mask):
        x, dtype = blank_masked_steps(x, mask), made.compute_dtype
        inputs = tf.keras.Input((None, x.shape[-1]), dtype=x.dtype)

        def zeros_of(masked):
            layer = tf.keras.layers.Dense(x.shape[-1], kernel_initializer="zeros", dtype=dtype)
            return layer(masked)

        masked = tf.keras.layers.Masking(9.0, dtype=dtype)(inputs)
        between = layers_between(masked, tf.identity, lambda _: zeros_of(masked), dtype)
        changing_nothing = "activation dropout spatial-dropout gaussian-noise dense add subtract"
        for name in f"{changing_nothing} average layer-normalization gru".split():
            masked = between[name](masked)
        return dynamic_shape(tf.keras.Model(inputs, list(made(masked))))(x)

    return call


MASKING = path_from_function(masking, choices=NON_EMPTY_BATCHES)
TRACED_PATH_OPTIONS = {
    "traced": True,
    "example_fraction": 0.5,
    # There are few traces, so each has a mask that affects its results.
    "unsupported": frozenset({"initial_state"}),
    "choices": {**NON_EMPTY_BATCHES, "mask": ("random", "leading", "trailing")},
}
MASKING_TRACED = path_from_function(masking_traced, **TRACED_PATH_OPTIONS)
MASKING_IN_MODEL = path_from_function(
    masking_in_model, choices=NON_EMPTY_BATCHES, example_fraction=0.5
)
EMBEDDING = path_from_function(embedding, choices=NON_EMPTY_BATCHES)
EMBEDDING_TRACED = path_from_function(embedding_traced, **TRACED_PATH_OPTIONS)
TWO_LAYERS = path_from_function(
    masking_two_layers,
    choices=NON_EMPTY_BATCHES,
    unsupported=frozenset({"initial_state", "go_backwards"}),
)
NARROWER_CHOICES: dict[str, Any] = {
    "concatenate": {"features": several},
    "concatenate-unmasked": {"features": several},
    "concatenate-in-time": {"time": several},
    # Its result for a step of zeros is NaN in float16; no sentence says what it should be.
    "unit-normalization": {"dtype": ("float32", "float64", "bfloat16")},
}
"""What some layers need: two parts to join, or finite results, of which zero times gives zero."""

BETWEEN_PATHS = tuple(
    Path(
        f"masking-{name}",
        through(name),
        f'through("{name}")(layer)(x, **more)',
        helpers=(blank_masked_steps, layers_between, through),
        unsupported=frozenset({"initial_state"}),
        choices={
            **NON_EMPTY_BATCHES,
            **UNIT_MAGNITUDE,
            "mask": ("trailing", "random", "leading"),  # few cases: each has a mask with an effect
            **NARROWER_CHOICES.get(name, {}),
        },
        example_fraction=0.25,
    )
    for name in layers_between(*[None] * 4)
)
MASKING_CHAIN = path_from_function(
    masking_chain,
    name="masking-chain",
    unsupported=frozenset({"initial_state"}),
    choices=BETWEEN_PATHS[0].choices,
    example_fraction=0.25,
)
IMPLICIT_MASK_PATHS = (
    MASKING,
    MASKING_TRACED,
    MASKING_IN_MODEL,
    EMBEDDING,
    EMBEDDING_TRACED,
    TWO_LAYERS,
    *BETWEEN_PATHS,
    MASKING_CHAIN,
)
