"""Properties of training with the layer."""
