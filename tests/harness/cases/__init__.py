"""Cases and how they are drawn, without TensorFlow."""
