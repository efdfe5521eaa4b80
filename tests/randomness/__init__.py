"""Properties of what is drawn at random: initial weights, dropout, seeds."""
