"""Cuts layers into groups of neighbours that are alike, by dynamic programming.

A layer is a row of numbers, its profile (see `optimerge.checkpoint.profile`): how much each
expert changed its attention, its mlp. With C columns, each divided by its largest value (a
min-max scale would blow up the rounding of a flat column), and v_l the mean of row l, a group of
layers i..j costs

    mean over columns of sum_l (x_lc - mean_l x_lc)^2  +  BALANCE (v_i + ... + v_j - sum(v) / k)^2

and the k groups of least cost in all are found exactly, in O(k L^2 + L^2 C) for L layers.
Fisher, "On grouping for maximum homogeneity", 1958, https://doi.org/10.1080/01621459.1958.10501479;
the small second term, which parts what is all alike into equal shares, as in
https://github.com/MiLab-HITSZ/2026-SIPBMM (block partition; formulas only).
"""

from collections.abc import Sequence
from math import inf

BALANCE = 0.005

Profile = Sequence[Sequence[float]]
"""One row a layer, one column for each expert and kind of tensor; numbers >= 0."""


def partition(profile: Profile, groups: int) -> tuple[int, ...]:
    """Return the edges 0, ..., L of the best `groups` groups; of equals the earliest.

    ValueError if there are more groups than layers.
    """
    layers = len(profile)
    if not 1 <= groups <= layers:
        raise ValueError(f"{groups} groups of {layers} layers")
    price = costs(profile, groups)
    # best[j]: least cost of layers 0..j-1 in as many groups as the rounds so far
    best = [inf, *price[0]]
    cuts = []
    for _ in range(1, groups):
        found = [_cheapest(best, price, end) for end in range(layers + 1)]
        best = [cost for cost, _ in found]
        cuts.append([cut for _, cut in found])
    edges = [layers]
    for cut in reversed(cuts):
        edges.append(cut[edges[-1]])
    return (0, *reversed(edges))


def _cheapest(
    best: Sequence[float], price: Sequence[Sequence[float]], end: int
) -> tuple[float, int]:
    """Return the least cost of the layers before `end`, and where the last group starts."""
    options = [(best[start] + price[start][end - 1], start) for start in range(1, end)]
    return min(options, default=(inf, 0))


def costs(profile: Profile, groups: int) -> list[list[float]]:
    """Return the cost of every group: of layers i..j (both in it) at [i][j], j >= i."""
    columns = [_scaled(column) for column in zip(*profile, strict=True)]
    layers = len(profile)
    mass = [sum(row) / len(columns) for row in zip(*columns, strict=True)] if columns else []
    if not sum(mass):
        mass = [1.0] * layers  # nothing was changed: equal groups
    share = sum(mass) / groups
    found = [[0.0] * layers for _ in range(layers)]
    for start in range(layers):
        sums, squares, weight = [0.0] * len(columns), [0.0] * len(columns), 0.0
        for end in range(start, layers):
            weight += mass[end]
            spread = 0.0
            for c, column in enumerate(columns):
                sums[c] += column[end]
                squares[c] += column[end] ** 2
                spread += max(0.0, squares[c] - sums[c] ** 2 / (end - start + 1))
            cost = spread / len(columns) if columns else 0.0
            found[start][end] = cost + BALANCE * (weight - share) ** 2
    return found


def _scaled(column: Sequence[float]) -> list[float]:
    most = max(column)
    return [value / most if most else 0.0 for value in column]
