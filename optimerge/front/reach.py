"""Which trials may matter to whether a member of the front is on the true front."""

from collections.abc import Sequence

import numpy as np

from optimerge.front.front import Front
from optimerge.front.losses import losses_of
from optimerge.records.types import Trial

SIGMAS = 4.0
"""A trial that would have to gain so many standard errors over every member is left out."""


def within_reach(front: Front, rows: Sequence[Trial], most: int) -> tuple[list[Trial], int]:
    """Return the feasible trials that might dominate one of the rows, and how many were left out.

    A trial dominates a row only if it is no worse in every objective. Where the worst of its gaps
    is `SIGMAS` times the sum of both standard errors, that happens in fewer than one draw in
    30,000: the sum is never below the standard error of the difference. Scores without an error
    (sparsity) have to be no worse as they are; an error that is unknown rules nothing out. If more
    than `most` are left, the nearest are taken; the second number is how many were dropped so.

    Complexity: O(rows x trials x objectives).
    """
    trials = front.feasible
    if not trials or not rows:
        return [], 0
    losses, errors = losses_of(trials, front.objectives), _errors(trials, front)
    least = np.full(len(trials), np.inf)  # standard errors that the nearest row is away
    for mine, error in zip(losses_of(rows, front.objectives), _errors(rows, front), strict=True):
        behind, both = losses - mine, errors + error
        with np.errstate(divide="ignore", invalid="ignore"):
            gaps = np.where(behind <= 0, 0.0, behind / both)
        least = np.minimum(least, gaps.max(axis=1))
    near = np.argsort(least, kind="stable")[: int((least < SIGMAS).sum())]
    chosen = sorted(near[:most].tolist())
    return [trials[index] for index in chosen], len(near) - len(chosen)


def _errors(trials: Sequence[Trial], front: Front) -> np.ndarray:
    found = np.zeros((len(trials), len(front.objectives)))
    for row, trial in enumerate(trials):
        for column, name in enumerate(front.objectives):
            score = trial.scores[name]
            unknown = np.inf if score.items else 0.0
            found[row, column] = unknown if score.stderr is None else score.stderr
    return found
