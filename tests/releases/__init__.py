"""The registered deviations on the installed release."""
