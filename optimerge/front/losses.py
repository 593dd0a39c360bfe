"""The one place where directions are turned: values of any direction become losses and back.

Nothing else in the package asks whether a direction is `maximize` (tests/house says so).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from optimerge.errors import RunError
from optimerge.records.types import Direction, Trial

_SIGN: dict[Direction, float] = {"minimize": 1.0, "maximize": -1.0}


def to_loss(value: float, direction: Direction) -> float:
    """Turn a value into a loss, of which smaller is better; never gives a negative zero.

    >>> to_loss(0.75, "maximize"), to_loss(0.25, "minimize")
    (-0.75, 0.25)
    """
    return _SIGN[direction] * value + 0.0


def to_value(loss: float, direction: Direction) -> float:
    """Turn a loss back into the value that people read; the inverse of `to_loss`.

    >>> to_value(-0.75, "maximize"), to_value(0.0, "maximize")
    (0.75, 0.0)
    """
    return _SIGN[direction] * loss + 0.0


def larger_is_better(direction: Direction) -> bool:
    """Whether of two values the larger is the better one."""
    return _SIGN[direction] < 0


def best(values: Sequence[float], direction: Direction) -> int:
    """Return the index of the best value, the first of equal ones.

    >>> best([0.25, 0.75, 0.75], "maximize"), best([0.25, 0.75], "minimize")
    (1, 0)
    """
    return min(range(len(values)), key=lambda n: to_loss(values[n], direction))


def losses_of(
    trials: Sequence[Trial], objectives: Mapping[str, Direction], partial: bool = False
) -> NDArray[np.float64]:
    """Return the losses [n, m] of trials, columns in the order of `objectives`.

    A trial that is not complete, lacks an objective, or has a value that is not finite is a row of
    NaN: half a point can neither be on a front nor be kept off it.

    Args:
        trials: Trials in any state.
        objectives: Direction by objective.
        partial: Also give the scores of trials that are not complete: those of raced-out ones, on
            the items they got to, which a sampler may learn from but a front must not hold.

    Raises:
        RunError: If a score says another direction than the study does.

    Complexity: O(n m).

    >>> from optimerge.records.types import Score, Trial
    >>> score = Score(0.75, None, 0, "maximize", 0.0)
    >>> trials = [Trial(0, "complete", "sampler", {}, "", {"maths": score}),
    ...           Trial(1, "failed", "sampler", {}, "")]
    >>> losses_of(trials, {"maths": "maximize"})
    array([[-0.75],
           [  nan]])
    """
    losses = np.full((len(trials), len(objectives)), np.nan)
    for row, trial in enumerate(trials):
        if trial.state != "complete" and not partial:
            continue
        point = [_loss(trial, name, direction) for name, direction in objectives.items()]
        if all(map(math.isfinite, point)):
            losses[row] = point
    return losses


def _loss(trial: Trial, name: str, direction: Direction) -> float:
    score = trial.scores.get(name)
    if score is None:
        return math.nan
    if score.direction != direction:
        raise RunError(
            f"trial {trial.name}: objective {name!r} was scored to {score.direction}, but the "
            f"study is to {direction} it; start a new run for another direction"
        )
    return to_loss(score.value, direction)
