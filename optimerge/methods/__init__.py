"""Merge methods: one file a method, with its parameters, legal ranges, traits and kernel."""
