"""optimerge searches for merges of your fine-tuned language models and keeps the Pareto front."""

__version__ = "0.1.0"
