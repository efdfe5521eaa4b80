"""Loads the suite's pytest plugin, and nothing else."""

pytest_plugins = ["tests.harness.plugin.hooks"]
