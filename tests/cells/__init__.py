"""Properties of SimpleRNNCell, of RNN over cells, of custom and stacked cells."""
