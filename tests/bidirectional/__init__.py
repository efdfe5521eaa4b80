"""Properties of Bidirectional over the layer."""
