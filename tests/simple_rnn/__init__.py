"""Properties of SimpleRNN itself."""
