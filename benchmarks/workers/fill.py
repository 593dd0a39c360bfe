"""Fills a simulated run: parents, starting points, and as many finished trials as wanted."""

import os
import random
from pathlib import Path
from unittest.mock import patch

from benchmarks.workers.simulated import DIRECTIONS, open_simulated
from optimerge.records.attributes import trial_attributes
from optimerge.records.types import Score, Trial
from optimerge.search.budget import Stop, make_budget
from optimerge.search.distributions import space_distributions
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.study import search

RECIPE = "# a recipe of the usual length\n" + "-" * 600
START = 13
"""Trials before the first that is measured: parents, starting points, a few of the sampler."""


class _Nobody:
    def trial(self, trial: Trial) -> None: ...


def fill(folder: Path, url: str, known: int) -> int:
    """Make a run with its first trials and `known` more; return how many are finished in it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with patch.object(os, "fsync", lambda file: None):
        session, _ = open_simulated(folder, url, 0.0, 0)
        sampler = sampler_named("random")
        search(session, make_budget(START, None), sampler, Stop(), _Nobody())
        space, rng = session.space, random.Random(0)
        distributions = space_distributions(space)
        for _ in range(known):
            params = {d.name: rng.uniform(d.range.low, d.range.high) for d in space.dimensions}
            scores = {n: Score(rng.random(), 0.02, 500, d, 20.0) for n, d in DIRECTIONS.items()}
            session.run.search.add_trial(
                optuna.trial.create_trial(
                    params=params,
                    distributions=distributions,
                    values=[score.value for score in scores.values()],
                    user_attrs=trial_attributes(
                        "sampler", RECIPE, scores, None, {"merge": 1.0, "score": 20.0, "wait": 0.1}
                    ),
                )
            )
    return session.run.finished()
