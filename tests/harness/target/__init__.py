"""The layer under test, and the differences between releases of TensorFlow and Keras."""
