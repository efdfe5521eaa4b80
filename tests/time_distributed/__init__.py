"""TimeDistributed over the layer, and in front of it."""
