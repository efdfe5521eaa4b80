"""What the properties are built on. Imports point one way, from right to left:

configuration < session < cases < compare < target < paths < probes, knowledge < properties < plugin

`cases` and `compare` do not need TensorFlow. tests/selftest/harness/test_imports.py enforces both.
"""
