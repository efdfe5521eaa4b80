"""Counts of traces and operations, ratios of times, and accuracy."""
