"""Proposals by the noisy hypervolume improvement that they may bring."""
