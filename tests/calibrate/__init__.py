"""Measure the errors of TensorFlow's activations: `python -m tests.calibrate`."""
