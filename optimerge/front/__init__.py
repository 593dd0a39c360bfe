"""The Pareto front: dominance, hypervolume, knee, tables. Arrays are losses: smaller is better."""
