"""What is known, as data: deviations, and the documentation's sentences."""
