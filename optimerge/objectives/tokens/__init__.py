"""Token plans: log-likelihoods of (context, answer) tokens on the live model, made ready once."""
