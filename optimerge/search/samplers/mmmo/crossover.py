"""Weak to strong: candidates are crossed with differences of elites, DE/rand/1/bin."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FACTOR, RATE = 0.5, 0.5
"""As released: how much of a difference is added, how often a coordinate is the mutant's."""


def towards(
    candidates: Array,
    elites: Array,
    numeric: NDArray[np.bool_],
    rng: np.random.Generator,
    factor: float = FACTOR,
    rate: float = RATE,
) -> Array:
    """Return candidates [n, d], each crossed with a mutant of three elites.

    For each candidate three elites a, b, c are drawn, all different; the mutant is
    a + factor (b - c), clipped to [0, 1]; every coordinate is the mutant's with probability
    `rate`, one of them certainly. With fewer than three elites [e, d] candidates stay as they are.
    Storn and Price 1997, doi:10.1023/A:1008202821328; in MM-MO the donors are the best evaluated
    configurations.

    Choices (not `numeric` [d]) have no differences: there the mutant has the choice of a. Where b
    or c lacks a dimension (NaN; the method of its merge has no such parameter) the mutant takes
    a's value, and where a lacks it the candidate keeps its own.
    """
    crossed = candidates.copy()
    if len(elites) < 3:
        return crossed
    for row in crossed:
        a, b, c = elites[rng.choice(len(elites), 3, replace=False)]
        change = np.where(numeric, factor * (b - c), 0.0)
        mutant = a + np.where(np.isnan(change), 0.0, change)
        mutant = np.where(numeric, np.clip(mutant, 0.0, 1.0), mutant)
        taken = rng.random(len(row)) < rate
        if not taken.any():
            taken[rng.integers(len(row))] = True
        taken &= ~np.isnan(mutant)
        row[taken] = mutant[taken]
    return crossed
