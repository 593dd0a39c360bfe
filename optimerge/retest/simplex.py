"""Weights that sum to 1, on a lattice: what an ensemble's weights are chosen from."""

from collections.abc import Callable, Iterator
from math import comb

MOST = 100
"""Points that are tried."""
FINEST = 20


def lattice(count: int) -> list[tuple[float, ...]]:
    """Return the points of the finest lattice that has at most `MOST`, and equal weights first.

    Its step is 1/k, k at most `FINEST`: 0.05 for two models, 1/12 for three, 1/6 for four.

    >>> lattice(2)[:3], len(lattice(2)), len(lattice(3)), len(lattice(4))
    ([(0.5, 0.5), (0.0, 1.0), (0.05, 0.95)], 21, 91, 85)
    """
    steps = max(k for k in range(1, FINEST + 1) if k == 1 or comb(k + count - 1, count - 1) <= MOST)
    even = (1 / count,) * count
    points = [tuple(part / steps for part in parts) for parts in _parts(count, steps)]
    return [even, *(point for point in points if point != even)]


def best(count: int, score: Callable[[tuple[float, ...]], float]) -> tuple[float, ...]:
    """Return the point of the lattice with the highest score; of equals that nearest to the middle.

    Deterministic: the first in the lattice's order, where that leaves several.
    """
    points = lattice(count)
    found = [(score(point), -sum(w * w for w in point)) for point in points]
    return points[found.index(max(found))]


def _parts(count: int, total: int) -> Iterator[tuple[int, ...]]:
    """Yield all ways to write a number as a sum of so many, in order."""
    if count == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _parts(count - 1, total - first):
            yield (first, *rest)
