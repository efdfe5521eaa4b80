"""The foundation of the properties. A package imports only packages to the left of it:

configuration < session < cases < compare < target < paths < probes, knowledge < properties < plugin

`cases` and `compare` do not import TensorFlow. tests/selftest/harness/test_imports.py tests both.
"""
