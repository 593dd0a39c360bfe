"""Calibration: what a model's own activations and gradients say about its weights."""
