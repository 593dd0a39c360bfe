"""Tests that one model is better than another, on the same documents, for many pairs at once.

A document's part in the difference of two scores is as likely to be for one model as for the other
if neither is better: so the signs of all parts are flipped at random, many times over, and the
difference that was seen is held against those (the paired sign-flip or permutation test; for
right-or-wrong outcomes it is McNemar's exact test). Where few documents tell two models apart, as
among merges of the same parents, it keeps its level; a centred bootstrap says "significant" too
often there.

The correction is Westfall and Young's step-down of the largest statistic (1993, "Resampling-based
multiple testing"; Romano and Wolf 2005): a document's sign is flipped for all comparisons at once,
so that what varies together counts once. Front members are close kin: Holm's correction, which
takes them for strangers, would be far too strict, and of a hundred comparisons it needs more flips
than are made. The family-wise error is kept for any set of true null hypotheses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimerge.front.paired import Outcomes

Array = NDArray[np.float64]
Pair = tuple[int, int]
"""A model, and the one that it is to be better than."""

FLIPS = 9999
"""No p-value is below 1 / 10,000."""
_MOST_CELLS = 1 << 23
_TIE = 1e-9
"""Statistics that differ by less are equal: it is rounding."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Differences of one kind (a task, or a mean of tasks) between pairs of models."""

    differences: Array
    """By pair: the rival's loss minus the model's; positive: the model is better."""
    stderrs: Array
    sizes: Array
    """Root of the sum of the squared parts that documents have in each; flips leave it alone."""
    shares: tuple[Array, ...]
    """By task and its part: what each document adds to each difference [documents, pairs]."""
    keys: tuple[str, ...]
    """Which of `shares` are of the same documents, among several `Pairs` as well."""
    noise: Array
    """Standard error of what is no mean over documents."""

    @property
    def statistics(self) -> Array:
        """Differences in units of their own size; 0 where nothing differs."""
        return np.divide(
            self.differences, self.sizes, out=np.zeros_like(self.sizes), where=self.sizes > 0
        )


def make_pairs(outcomes: Sequence[Outcomes], names: Sequence[str], pairs: Sequence[Pair]) -> Pairs:
    """Return the differences of the plain mean over these objectives between pairs of models."""
    mine, theirs = (np.array([pair[side] for pair in pairs], dtype=np.intp) for side in (0, 1))
    weight = 1 / len(outcomes)
    total, variance, size = (np.zeros(len(pairs)) for _ in range(3))
    noise, shares, keys = np.zeros(len(pairs)), [], []
    for name, each in zip(names, outcomes, strict=True):
        total += weight * (each.losses[theirs] - each.losses[mine])
        noise += weight**2 * (each.errors[theirs] ** 2 + each.errors[mine] ** 2)
        both = each.by_documents[mine] & each.by_documents[theirs]
        for index, part in enumerate(each.parts):
            items, scale = len(part.losses), weight * part.weight / len(part.losses)
            spread = np.nan_to_num(part.losses - part.losses.mean(axis=0))
            plain = np.where(both, part.losses[:, theirs] - part.losses[:, mine], 0.0)
            share = scale * np.where(both, plain, spread[:, theirs] - spread[:, mine])
            shares.append(share)
            keys.append(part.key or f"{name} {index}")
            size += (share**2).sum(axis=0)
            if items > 1:
                variance += items * items / (items - 1) * share.var(axis=0)
    return Pairs(
        differences=total,
        stderrs=np.sqrt(variance + noise),
        sizes=np.sqrt(size + noise),
        shares=tuple(shares),
        keys=tuple(keys),
        noise=np.sqrt(noise),
    )


def p_values(family: Sequence[Pairs], flips: int = FLIPS, seed: int = 0) -> tuple[Array, Array]:
    """Return one-sided p-values of all pairs of a family in turn, as they are and corrected.

    Complexity: O(flips x documents x pairs) time; 64 MB and [flips, pairs].
    """
    if not sum(len(each.differences) for each in family):
        return np.empty(0), np.empty(0)
    seen = np.concatenate([each.statistics for each in family])
    drawn = _flipped(family, flips, np.random.default_rng(seed))
    return single(seen, drawn), step_down(seen, drawn)


def single(seen: Array, drawn: Array) -> Array:
    """Return the share of draws [draws, pairs] that reach what was seen [pairs], it included."""
    reached = (drawn >= seen - _TIE).sum(axis=0)
    return np.asarray((1 + reached) / (1 + len(drawn)), dtype=np.float64)


def step_down(seen: Array, drawn: Array) -> Array:
    """Return the corrected p-values [pairs]: Westfall and Young's step-down of the largest.

    The most extreme pair is held against the largest statistic of all pairs in each draw, the next
    against the largest of those left, and so on; no p-value is below one before it.
    """
    order = np.argsort(-seen, kind="stable")
    largest = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    corrected = np.empty(len(seen))
    corrected[order] = np.maximum.accumulate(single(seen[order], largest))
    return corrected


def _flipped(family: Sequence[Pairs], flips: int, random: np.random.Generator) -> Array:
    """Return the statistics [flips, pairs] of the family with signs flipped."""
    edges = np.cumsum([0, *(len(each.differences) for each in family)])
    found = np.zeros((flips, edges[-1]))
    wanted: dict[str, list[tuple[int, Array]]] = {}
    for index, each in enumerate(family):
        for key, share in zip(each.keys, each.shares, strict=True):
            wanted.setdefault(key, []).append((index, share))
    for parts in wanted.values():
        items = len(parts[0][1])
        step = max(1, _MOST_CELLS // items)
        for start in range(0, flips, step):
            rows = slice(start, min(start + step, flips))
            signs = random.integers(2, size=(rows.stop - start, items), dtype=np.int8)
            flipping = 2.0 * signs - 1.0
            for index, share in parts:
                found[rows, edges[index] : edges[index + 1]] += flipping @ share
    for index, each in enumerate(family):
        columns = slice(edges[index], edges[index + 1])
        if each.noise.any():
            found[:, columns] += each.noise * random.standard_normal((flips, len(each.noise)))
        sizes = np.where(each.sizes > 0, each.sizes, 1.0)
        found[:, columns] /= sizes
    return found
