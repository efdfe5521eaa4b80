"""A right layer of another design than Keras's is verified, and nothing is held against it."""

import sys

from tests.harness.releases import tf
from tests.selftest.programs import start


class Scanned(tf.keras.layers.Layer):
    """tf.scan over all inputs that are multiplied at once; no cell, few options, its own names."""

    def __init__(
        self, units, activation="tanh", return_sequences=False, return_state=False, **more
    ):
        super().__init__(**more)
        if not (isinstance(units, int) and units > 0):
            raise ValueError(f"units: expected a positive integer, got {units!r}")
        self.units, self.curve = units, tf.keras.activations.get(activation)
        self.sequences, self.state = return_sequences, return_state

    def build(self, shape):
        self.W = self.add_weight(
            shape=(shape[-1], self.units), initializer="glorot_uniform", name="W"
        )
        self.U = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="U")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
        self.built = True

    def call(self, x, initial_state=None):
        if initial_state is None:
            initial_state = tf.zeros((tf.shape(x)[0], self.units), x.dtype)
        first = tf.nest.flatten(initial_state)[0]
        steps = tf.transpose(x @ self.W + self.b, (1, 0, 2))
        states = tf.scan(lambda h, z: self.curve(z + h @ self.U), steps, initializer=first)
        outputs = tf.transpose(states, (1, 0, 2)) if self.sequences else states[-1]
        return (outputs, states[-1]) if self.state else outputs

    def compute_output_shape(self, shape):
        state = (shape[0], self.units)
        outputs = (*shape[:2], self.units) if self.sequences else state
        return (outputs, state) if self.state else outputs

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": tf.keras.activations.serialize(self.curve),
            "return_sequences": self.sequences,
            "return_state": self.state,
        }


def test_a_right_layer_of_another_design_passes():
    layer = "tests.selftest.test_own_layer:Scanned"
    done = start(sys.executable, "-m", "pytest", "-q", "--layer", layer, "--examples", "10")
    assert done.returncode == 0, done.stdout
    assert "not applicable: test_a_cell_takes_one_step[cell] (the layer has no cell)" in done.stdout
