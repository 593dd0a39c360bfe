"""A merge method, a sampler and an objective for optimerge."""
