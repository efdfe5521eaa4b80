"""The kinds of property: generated, example and statistical."""
