"""The three kinds of property: generated, example and statistical."""
