"""Instruments that measure one subject each: dropout masks, gradients, training, time, ..."""
