"""Recipes: mergekit's YAML, read strictly, resolved to one set of numbers a tensor, and written."""
