"""Which trials beat a parent outright: as good in every objective, and better in one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optimerge.errors import RunError, did_you_mean
from optimerge.front.called import called
from optimerge.front.front import Front
from optimerge.front.losses import losses_of
from optimerge.records.types import Trial


def parent_named(front: Front, name: str) -> Trial:
    """Return the complete parent of that name; RunError if there is none."""
    parents = {trial.name: trial for trial in front.trials if trial.is_parent}
    if name not in parents:
        hint = did_you_mean(name, parents)
        there = f"there are {', '.join(parents)}" if parents else "no parent is scored yet"
        raise RunError(f"dominates: no parent {name!r} in this run{hint or ';'} {there}")
    return parents[name]


def dominating(front: Front, trials: Sequence[Trial], parent: Trial) -> tuple[Trial, ...]:
    """Return those of the trials that dominate the parent, in the order given.

    Raises:
        RunError: If none does; it names the one that comes nearest, and in which objectives it is
            worse than the parent, and by how much. Nearest: the smallest sum of what is missing,
            each objective in units of the parents' range.
    """
    mine = losses_of([parent], front.objectives)[0]
    losses = losses_of(trials, front.objectives)
    found = (losses <= mine).all(axis=1) & (losses < mine).any(axis=1)
    if not found.any():
        raise RunError(_none(front, trials, parent, losses - mine))
    return tuple(trial for trial, does in zip(trials, found, strict=True) if does)


def _none(front: Front, trials: Sequence[Trial], parent: Trial, worse: NDArray[np.float64]) -> str:
    lacking = np.maximum(worse, 0.0)
    place = int(np.argmin((lacking / front.scales).sum(axis=1)))
    short = ", ".join(
        f"{name} by {by:.3g}"
        for name, by in zip(front.objectives, lacking[place].tolist(), strict=True)
        if by > 0
    )
    falls = f"comes nearest (worse in {short})" if short else "is only equal to it"
    return (
        f"nothing on the front beats parent {parent.name} outright; {called(trials[place])} "
        f"{falls}: take another pick, or search on"
    )
