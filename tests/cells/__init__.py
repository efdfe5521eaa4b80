"""Properties of SimpleRNNCell, RNN, custom cells and stacked cells."""
