"""Samplers by name; every one is an Optuna sampler, made anew for each proposal.

A sampler keeps no state between proposals: what it proposes follows from the study's records
and a seed made of the run's seed and the number of finished trials. So a resumed run goes on as
the uninterrupted one would have.
"""
