"""The paths: every way to run a layer."""
