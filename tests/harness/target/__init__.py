"""The layer under test, and the releases of TensorFlow and Keras."""
