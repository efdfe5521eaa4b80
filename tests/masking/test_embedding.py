"""Embedding before the layer: its vectors and its mask."""

import numpy as np
import pytest

from tests.harness.compare.assertions import assert_same
from tests.harness.paths.execution import EAGER, FUNCTION
from tests.harness.paths.implicit_masks import assert_next_layer_rejects_mask
from tests.harness.probes.stateful import small_integers
from tests.harness.properties.example import example
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

INDICES = np.array([[4, 0, 20, 1], [0, 3, 0, 20]])
VECTORS = small_integers(1, 21, 3)
NEEDS = {"return_sequences"}


def embedding(**options):
    made = tf.keras.layers.Embedding(len(VECTORS), VECTORS.shape[1], **options)
    made.build((None, None))
    made.set_weights([VECTORS])
    return made


@pytest.mark.parametrize("path", [EAGER, FUNCTION])
@example(
    "Embedding",
    "Turns nonnegative integers (indexes) into dense vectors of fixed size. ... 3D tensor with "
    "shape: `(batch_size, input_length, output_dim)`.",
)
def test_embedding_turns_each_index_into_its_vector(path):
    with layer_call():
        vectors = path.call(embedding())(tf.constant(INDICES))
    assert_same("vectors", vectors, VECTORS[INDICES])


@pytest.mark.parametrize("mask_zero", [False, True])
@example(
    "Embedding",
    'mask_zero: Boolean, whether or not the input value 0 is a special "padding" value that should '
    "be masked out. ... as a consequence, index 0 cannot be used in the vocabulary",
    needs=NEEDS | {"mask"},
)
def test_index_zero_is_skipped_only_with_mask_zero(mask_zero):
    with layer_call():
        made = layer.under_test().build(4, VECTORS.shape[1], return_sequences=True)
        got = made(embedding(mask_zero=mask_zero)(tf.constant(INDICES)))
        mask = tf.constant(INDICES != 0) if mask_zero else None
        expected = made(tf.constant(VECTORS[INDICES], tf.float32), mask=mask)
    assert_same("outputs", got, np.asarray(expected))


@example(
    "Embedding",
    "mask_zero: If this is `True`, then all subsequent layers in the model need to support masking "
    "or an exception will be raised.",
)
def test_layer_without_masking_rejects_an_embedding_mask():
    assert_next_layer_rejects_mask(embedding(mask_zero=True)(tf.constant(INDICES)))


@example(
    "Masking",
    "Note: in the Keras masking convention, a masked timestep is denoted by a mask value of "
    "`False`, while a non-masked (i.e. usable) timestep is denoted by a mask value of `True`.",
)
def test_masking_returns_false_for_masked_steps():
    masked = np.array([[True, False, True]])
    x = np.where(masked[:, :, None], 9.0, [1.0, 9.0]).astype(np.float32)
    with layer_call():
        mask = tf.keras.layers.Masking(9.0).compute_mask(tf.constant(x))
    assert_same("mask", mask, ~masked)
