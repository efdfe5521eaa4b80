"""Instruments that run in a process of their own: a crash there does not end the run."""
