"""Comparison of results with the reference, without TensorFlow."""
