"""Samplers by name; every one is an Optuna sampler, made anew for each proposal.

A sampler keeps no state between proposals: what it proposes follows from what it may see of the
records (`optimerge.search.seen`) and a seed made of the run's seed and the proposal's number. So a
resumed run goes on as the uninterrupted one would have.
"""
