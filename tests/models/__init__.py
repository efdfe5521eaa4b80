"""Properties of models that contain the layer."""
