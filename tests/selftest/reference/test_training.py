"""Training in float64 restores the previous settings of Keras."""

from tests.harness.probes.training import float64_floatx
from tests.harness.target.releases import tf


def test_float64_context_restores_the_default_dtype():
    tf.keras.backend.clear_session()  # clears the policy, which its next use creates again
    with float64_floatx():
        assert tf.keras.backend.floatx() == "float64"
        tf.keras.Input((3,), dtype="float64")
    assert tf.keras.layers.SimpleRNN(2).compute_dtype == "float32"
