"""Properties of masks, Masking and Embedding."""
