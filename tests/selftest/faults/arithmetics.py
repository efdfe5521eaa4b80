"""Correct layers whose products of matrices have another arithmetic than TensorFlow's kernels."""

import numpy as np

from tests.harness.target.releases import tf


def with_gradient(matmul):
    """Return the product x w of (rows, i) and (i, n), with a gradient that uses `matmul`, too."""

    @tf.custom_gradient
    def product(x, w):
        def gradient(dy):
            return matmul(dy, tf.transpose(w)), matmul(tf.transpose(x), dy)

        return matmul(x, w), gradient

    return product


def cut_off(x):
    """Return float32 numbers with 11 bits, as TF32 reads them; other dtypes unchanged."""
    if x.dtype != tf.float32:
        return x
    kept = tf.bitwise.bitwise_and(tf.bitcast(x, tf.uint32), np.uint32(0xFFFFE000))
    return tf.where(tf.math.is_finite(x), tf.bitcast(kept, tf.float32), x)


def tf32(x, w):
    return tf.matmul(cut_off(x), cut_off(w))


def added_one_by_one(x, w):
    """Return the product with each term and each partial sum rounded to the dtype."""
    total = tf.zeros((tf.shape(x)[0], w.shape[1]), x.dtype)
    for i in range(w.shape[0]):
        total = total + x[:, i : i + 1] * w[i]
    return total


def half_sums(x, w):
    if x.dtype.size > 2 or w.shape[0] is None:
        return tf.matmul(x, w)
    return added_one_by_one(x, w)


def backwards(x, w):
    return tf.matmul(tf.reverse(x, [1]), tf.reverse(w, [0]))


class Cell(tf.keras.layers.SimpleRNNCell):
    product = staticmethod(tf.matmul)

    def call(self, sequence, states, training=False):
        previous = states[0] if isinstance(states, (list, tuple)) else states
        z = self.product(sequence, tf.convert_to_tensor(self.kernel))
        if self.bias is not None:
            z = z + self.bias
        z = z + self.product(previous, tf.convert_to_tensor(self.recurrent_kernel))
        h = self.activation(z)
        return h, [h]


def layer_of(matmul) -> type:
    """Return the class of layers whose cells compute products by this function."""

    class WithProduct(Cell):
        product = staticmethod(with_gradient(matmul))

    class Layer(tf.keras.layers.SimpleRNN):
        def __init__(self, units, **options):
            super().__init__(units, **options)
            self.cell.__class__ = WithProduct

    return Layer


TF32 = layer_of(tf32)
HalfSums = layer_of(half_sums)
Backwards = layer_of(backwards)
