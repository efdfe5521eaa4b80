"""Instruments for one subject each: dropout masks, gradients, training, time."""
