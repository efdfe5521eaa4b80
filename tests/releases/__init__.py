"""Tests of the registered deviations on the installed release."""
