"""The hypervolume after each trial of a run: how the search went on, as data.

Trials come in the order in which they count: parents first, then by number. All is measured from
the reference point that the run fixed, so a history never falls, and two runs of one space can be
laid over each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.front.front import make_front, order
from optimerge.front.hypervolume import history
from optimerge.front.losses import losses_of
from optimerge.front.sampled import sampled_history
from optimerge.records.types import Direction, Trial


@dataclass(frozen=True, eq=False)
class History:
    """What the trials so far dominate, after each of them; n entries each."""

    trials: tuple[Trial, ...]
    """Every trial that counts, whatever came of it: failed ones add nothing, but took their turn.
    Trials that still run or wait are not among them."""
    hypervolume: NDArray[np.float64]
    """In units of the parents' range, relative to the reference; NaN if there is none yet."""
    joined: NDArray[np.bool_]
    """Whether the trial was on the front when it ended."""
    error: NDArray[np.float64]
    """Standard error of the hypervolume; 0 where it is exact, which it is of all but large fronts
    in many objectives."""


def make_history(
    trials: Sequence[Trial],
    objectives: Mapping[str, Direction],
    reference: ArrayLike | None = None,
    scales: ArrayLike | None = None,
) -> History:
    """Return the history of a study's trials; the order in which they are given does not matter.

    Args:
        trials: A study's trials, parents included.
        objectives: Direction by objective.
        reference: The losses [m] that the study fixed; None: as `make_front` does.
        scales: The units [m] that the study fixed; None: likewise.

    Complexity: one comparison with the front a trial, and for one that joins it the volume of the
    front cut to that trial's box (`hypervolume.history`), which in 6 objectives and hundreds of
    members takes seconds each: beyond some (`_EXACT`) it is estimated (`sampled_history`): 2 000
    trials in 6 objectives, of which 1 437 join the front, take half a CPU second and come out to
    1 %.
    """
    ended = [trial for trial in trials if trial.state in ("complete", "failed", "pruned")]
    ended.sort(key=order)
    if reference is None or scales is None:
        front = make_front(trials, objectives)
        reference = front.reference if reference is None else reference
        scales = front.scales if scales is None else scales
    units = np.asarray(scales, dtype=np.float64)
    corner = np.asarray(reference, dtype=np.float64) / units
    if not np.isfinite(corner).all():
        nothing = np.full(len(ended), np.nan)
        return History(tuple(ended), nothing, np.zeros(len(ended), dtype=np.bool_), nothing)
    losses = losses_of(ended, objectives) / units
    losses[[not trial.feasible for trial in ended]] = np.nan
    joined = _joined(losses)
    counts = joined & (losses < corner).all(axis=1)
    after, error = _volumes(losses, corner, counts)
    return History(tuple(ended), after, joined, error)


_EXACT = {1: 2000, 2: 2000, 3: 1000, 4: 300, 5: 100}
_EXACT_BEYOND = 60
"""Points that join the front, by objectives, up to which a history is exact: about a second."""


def _joined(losses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows no earlier row dominates or equals; never one with a NaN."""
    joined = np.zeros(len(losses), dtype=np.bool_)
    front = np.empty((0, losses.shape[1]))
    for place, row in enumerate(losses):
        if np.isnan(row).any() or (front <= row).all(axis=1).any():
            continue
        front = np.concatenate((front[~(row <= front).all(axis=1)], row[None]))
        joined[place] = True
    return joined


def _volumes(
    losses: NDArray[np.float64], corner: NDArray[np.float64], counts: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the volume after each row, of those that count, and its standard error."""
    if not counts.any():
        return np.zeros(len(losses)), np.zeros(len(losses))
    joining = losses[counts]
    if len(joining) > _EXACT.get(len(corner), _EXACT_BEYOND):
        volumes, errors = sampled_history(joining, joining.min(axis=0), corner)
    else:
        volumes, errors = history(joining, corner), np.zeros(len(joining))
    so_far = np.cumsum(counts)
    return np.concatenate(([0.0], volumes))[so_far], np.concatenate(([0.0], errors))[so_far]
