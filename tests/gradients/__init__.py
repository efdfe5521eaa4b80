"""Properties of gradients."""
