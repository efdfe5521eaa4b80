"""Training in float64 leaves nothing of it to what comes after."""

from tests.harness.releases import tf
from tests.harness.training import float64


def test_layers_made_afterwards_are_of_the_type_they_were():
    tf.keras.backend.clear_session()  # forgets the policy, which is made anew where it is needed
    with float64():
        assert tf.keras.backend.floatx() == "float64"
        tf.keras.Input((3,), dtype="float64")
    assert tf.keras.layers.SimpleRNN(2).compute_dtype == "float32"
