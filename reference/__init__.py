"""The oracle: what the documentation says that SimpleRNN computes, in NumPy and SciPy alone.

No module of this package imports TensorFlow or the tests.
"""
