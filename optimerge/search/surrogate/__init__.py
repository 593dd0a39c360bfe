"""Surrogates of objectives: Gaussian processes that know how noisy each score is."""
