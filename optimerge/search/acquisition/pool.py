"""Candidates for an acquisition to choose from: from everywhere, and from round the best so far.

An acquisition that is climbed from anywhere runs to the box's corners, where a Gaussian process
knows least. Here most candidates are moves that a merger would try: some numbers of a good recipe
changed a little or much, one parameter moved in all layers at once, two good recipes mixed or
prolonged, MM-MO's weak-to-strong step. The best of them are moved on for a few rounds: with more,
proposals are worse merges, though worth more to the acquisition (docs/log.md).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from optimerge.search.surrogate.domain import Domain, Rows

Array = NDArray[np.float64]
Worth = Callable[[Rows], Array]


@dataclass(frozen=True)
class PoolSizes:
    """How many candidates of each kind, and how long the best are moved on."""

    everywhere: int = 256
    moved: int = 512
    mixed: int = 128
    crossed: int = 128
    rounds: int = 4
    parents: int = 12
    children: int = 20


def search_pool(
    domain: Domain, elites: Rows, worth: Worth, rng: np.random.Generator, sizes: PoolSizes
) -> tuple[Rows, Array]:
    """Return candidates [n, d] inside the space, best first, and what they are worth [n].

    `elites` [e, d], at least one.
    """
    rows = domain.snapped(first_pool(domain, elites, rng, sizes))
    values = worth(rows)
    for turn in range(sizes.rounds):
        order = np.argsort(-values, kind="stable")[: sizes.parents]
        parents = np.repeat(rows[order], sizes.children, axis=0)
        reach = 0.3 * 0.5**turn
        children = domain.snapped(moved(domain, parents, rng, reach / 10, reach))
        rows = np.concatenate([rows[order], children])
        values = np.concatenate([values[order], worth(children)])
    order = np.argsort(-values, kind="stable")
    return rows[order], values[order]


def first_pool(domain: Domain, elites: Rows, rng: np.random.Generator, sizes: PoolSizes) -> Rows:
    """Return the candidates to begin with, not yet snapped."""
    whole = domain.filled(elites, rng)

    def some(count: int) -> Rows:
        return np.asarray(whole[rng.integers(len(whole), size=count)])

    everywhere = uniform(domain, sizes.everywhere, rng)
    near = moved(domain, some(sizes.moved), rng, 0.01, 0.5)
    share = rng.uniform(-0.3, 1.3, size=(sizes.mixed, 1))
    one, other = some(sizes.mixed), some(sizes.mixed)
    mixed = np.where(domain.numeric, one + share * (other - one), np.where(share < 0.5, one, other))
    crossed = _crossed(domain, everywhere, some, rng, sizes)
    return np.asarray(np.concatenate([everywhere, near, mixed, crossed]))


def uniform(domain: Domain, count: int, rng: np.random.Generator) -> Rows:
    """Return rows spread evenly over the space [count, d]."""
    drawn = np.asarray(qmc.Sobol(len(domain.names), rng=rng).random(count))
    return np.where(domain.numeric, drawn, np.floor(drawn * np.maximum(domain.levels, 1)))


def moved(
    domain: Domain,
    rows: Rows,
    rng: np.random.Generator,
    least: float,
    most: float,
    *,
    stopping: bool = True,
) -> Rows:
    """Return each row [n, d] with some of its numbers moved, by a normal step of a size of its own.

    In half of the rows about one number moves, in half a share of all; in a third whole families
    move together. What would leave its range is brought back (`brought_back`; without `stopping`
    it is folded back in every row).
    """
    n, d = rows.shape
    rows = domain.filled(rows, rng)
    size = np.exp(rng.uniform(np.log(least), np.log(most), size=(n, 1)))
    share = np.where(rng.random((n, 1)) < 0.5, 1.5 / d, rng.uniform(size=(n, 1)))
    chosen = rng.random((n, d)) < share
    chosen[np.arange(n), rng.integers(d, size=n)] = True
    step = rng.standard_normal((n, d)) * size
    families = domain.family_columns
    if families:
        whole = np.flatnonzero(rng.random(n) < 1 / 3)
        for columns in families:
            together = whole[rng.random(len(whole)) < max(1.5 / len(families), 0.3)]
            step[np.ix_(together, columns)] = (
                rng.standard_normal((len(together), 1)) * size[together]
            )
            chosen[np.ix_(together, columns)] = True
    inside = brought_back(rows + step, rng) if stopping else reflected(rows + step)
    numbers = np.where(chosen, inside, rows)
    fresh = np.floor(rng.random((n, d)) * np.maximum(domain.levels, 1))
    other = np.where(chosen & (rng.random((n, d)) < 0.5), fresh, rows)
    return np.where(domain.numeric, numbers, other)


def brought_back(rows: Rows, rng: np.random.Generator) -> Rows:
    """Return numbers [n, d] brought back into [0, 1]: half of the rows clipped, half folded back.

    The sparse end of a front is made of numbers at the very ends of their ranges (a weight of 0
    drops a model), which folding never reaches; clipping alone would pile the steps up there.
    """
    stops = rng.random((len(rows), 1)) < 0.5
    return np.where(stops, np.clip(rows, 0.0, 1.0), reflected(rows))


def reflected(rows: Rows) -> Rows:
    """Return numbers folded back into [0, 1] at its ends, so that steps do not pile up there."""
    folded = np.abs(rows)
    folded = np.where(folded > 1, 2 - folded, folded)
    return np.clip(folded, 0.0, 1.0)


def _crossed(
    domain: Domain,
    weak: Rows,
    some: Callable[[int], Rows],
    rng: np.random.Generator,
    sizes: PoolSizes,
) -> Rows:
    """Return MM-MO's weak-to-strong step: DE/rand/1/bin of weak rows with good ones.

    The three are drawn each for itself: where two are the same, the step is that to a good one.
    """
    weak = weak[rng.integers(len(weak), size=sizes.crossed)]
    a, b, c = (some(sizes.crossed) for _ in range(3))
    factor = rng.uniform(0.5, 0.8, size=(sizes.crossed, 1))
    donor = np.where(domain.numeric, brought_back(a + factor * (b - c), rng), a)
    taken = rng.random(weak.shape) < 0.5
    taken[np.arange(len(weak)), rng.integers(weak.shape[1], size=len(weak))] = True
    return np.where(taken, donor, weak)
