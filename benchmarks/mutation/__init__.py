"""Mutation testing of rooms of the package: plant small faults and see whether the tests notice."""
