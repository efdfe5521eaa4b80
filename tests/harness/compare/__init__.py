"""Comparison of results with the reference. Nothing here needs TensorFlow."""
