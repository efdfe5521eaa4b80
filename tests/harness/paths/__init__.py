"""The paths, which are the ways to run a layer."""
