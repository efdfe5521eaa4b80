"""The oracle: what the documentation says SimpleRNN computes, in NumPy alone.

Nothing in here imports TensorFlow or the tests.
"""
