"""Properties of random numbers: initial weights, dropout, seeds."""
