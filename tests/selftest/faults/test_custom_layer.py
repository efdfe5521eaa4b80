"""Correct custom layers of other designs than Keras's pass every applicable property."""

import sys

import pytest

from tests.harness.target.releases import tf
from tests.selftest.programs import start


class Weighted(tf.keras.layers.Layer):
    """A layer with three weights, whose attributes have other names than in SimpleRNN."""

    def __init__(self, units, activation, **more):
        super().__init__(**more)
        if not (isinstance(units, int) and units > 0):
            raise ValueError(f"units: expected a positive integer, got {units!r}")
        self.state_size, self.curve = units, tf.keras.activations.get(activation)

    def build(self, shape):
        size = self.state_size
        self.W = self.add_weight(shape=(shape[-1], size), initializer="glorot_uniform", name="W")
        self.U = self.add_weight(shape=(size, size), initializer="orthogonal", name="U")
        self.b = self.add_weight(shape=(size,), initializer="zeros", name="b")
        self.built = True

    def get_config(self):
        own = {"activation": tf.keras.activations.serialize(self.curve)}
        return {**super().get_config(), "units": self.state_size, **own}


class Scanned(Weighted):
    """A layer without a cell and with few options: one product for all inputs, then tf.scan."""

    def __init__(
        self, units, activation="tanh", return_sequences=False, return_state=False, **more
    ):
        super().__init__(units, activation, **more)
        self.sequences, self.state = return_sequences, return_state

    def call(self, x, initial_state=None):
        if initial_state is None:
            initial_state = tf.zeros((tf.shape(x)[0], self.state_size), x.dtype)
        first = tf.nest.flatten(initial_state)[0]
        steps = tf.transpose(x @ self.W + self.b, (1, 0, 2))
        states = tf.scan(lambda h, z: self.curve(z + h @ self.U), steps, initializer=first)
        outputs = tf.transpose(states, (1, 0, 2)) if self.sequences else states[-1]
        return (outputs, states[-1]) if self.state else outputs

    def compute_output_shape(self, shape):
        state = (shape[0], self.state_size)
        outputs = (*shape[:2], self.state_size) if self.sequences else state
        return (outputs, state) if self.state else outputs

    def get_config(self):
        own = {"return_sequences": self.sequences, "return_state": self.state}
        return {**super().get_config(), **own}


class Fused(Weighted):
    """A cell with a single matrix product and the attributes that RNN requires."""

    def call(self, inputs, states):
        previous = states[0] if isinstance(states, (list, tuple)) else states
        z = tf.concat([inputs, previous], 1) @ tf.concat([self.W, self.U], 0) + self.b
        h = self.curve(z)
        return h, [h]


class RNNOfFusedCell(tf.keras.layers.RNN):
    """RNN of a custom cell, as the documentation recommends."""

    def __init__(self, units, activation="tanh", **more):
        shared = {name: more[name] for name in ("dtype", "trainable") if name in more}
        super().__init__(Fused(units, activation, **shared), **more)

    def get_config(self):
        config, cell = super().get_config(), self.cell.get_config()
        del config["cell"]
        return {**config, "units": cell["units"], "activation": cell["activation"]}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@pytest.mark.parametrize("design", [Scanned, RNNOfFusedCell])
def test_correct_layer_of_another_design_passes(design):
    name = f"tests.selftest.faults.test_custom_layer:{design.__name__}"
    done = start(sys.executable, "-m", "pytest", "-q", "--layer", name, "--examples", "10")
    assert done.returncode == 0, done.stdout
    assert "not applicable: test_the_bias_is_zero[eager] (needs use_bias)" in done.stdout
