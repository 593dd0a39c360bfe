"""Whole studies raced in one order of items: what a search does to the promise of its races."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimerge.front.dominance import non_dominated
from optimerge.testing.races import TASKS, Outcome, Rule, Situation, answers

Array = NDArray[np.float64]
_EARLY = 25
_START = 8
_DRAFTS = 8


def study_outcomes(
    rule: Rule, items: int, candidates: int, seed: int, confidence: float = 0.95
) -> Iterator[Outcome]:
    """Race candidates against the front that those before them made, all in one order.

    Two things break the independence of order and candidates here, more rudely than a sampler
    could: every other candidate is the best of eight on the first 25 items, and members of the
    front are those that outlived their own races. The first eight are scored in full.
    """
    random = np.random.default_rng([seed, items])
    hard = random.standard_normal((TASKS, items))
    losses = np.empty((0, TASKS, items))
    sparsity = np.empty(0)
    for number in range(candidates):
        mine = _candidate(random, hard, chosen=number % 2 == 1)
        exact = float(random.random())
        race = Situation("near", losses, sparsity, mine, exact)
        stopped = False
        if number >= _START:
            used, stopped = rule(race, confidence)
            yield Outcome(race.kind, used / items, stopped, race.dominated)
        if not stopped:
            losses = np.concatenate((losses, mine[None]))
            sparsity = np.append(sparsity, exact)
            front = non_dominated(np.column_stack((losses.mean(axis=2), sparsity)))
            losses, sparsity = losses[front], sparsity[front]


def _candidate(random: np.random.Generator, hard: Array, chosen: bool) -> Array:
    level = 0.3 + 0.4 * np.sqrt(random.dirichlet(np.ones(TASKS))) * random.uniform(0.5, 1)
    drafts = [answers(random, hard, level) for _ in range(_DRAFTS if chosen else 1)]
    return min(drafts, key=lambda draft: float(draft[:, :_EARLY].sum()))
