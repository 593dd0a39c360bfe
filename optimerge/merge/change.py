"""Counts what a merge changed, on the weights as written.

Sums run in float64: a float32 running sum over 7e9 entries loses nearly all of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING

from optimerge.merge.finite import all_finite
from optimerge.records.types import MergeStats

if TYPE_CHECKING:
    from torch import Tensor

PART = 1 << 20
"""Entries compared at a time: temporaries stay small."""


@dataclass(frozen=True)
class Change:
    """One tensor's difference from the base."""

    parameters: int
    nonzero: int
    l1: float
    squares: float


def change(merged: "Tensor", base: "Tensor") -> Change:
    """Return how `merged` differs from `base`; equal shapes, any float dtypes."""
    import torch

    one, other = (t.reshape(1) if t.dim() == 0 else t for t in (merged, base))
    rows = max(1, PART // max(1, one[:1].numel()))
    nonzero, l1, squares = 0, 0.0, 0.0
    for start in range(0, len(one), rows):
        difference = one[start : start + rows].float() - other[start : start + rows].float()
        nonzero += int(torch.count_nonzero(difference))
        l1 += float(difference.abs().sum(dtype=torch.float64))
        squares += float(difference.double().square().sum())
    return Change(merged.numel(), nonzero, l1, squares)


def counted(merged: "Tensor") -> Change:
    """Return the size of a tensor that has none of the base to compare with.

    Its l1 is infinite if an entry is NaN or infinite, and says nothing else.
    """
    return Change(merged.numel(), 0, 0.0 if all_finite(merged) else inf, 0.0)


def total(changes: Iterable[Change], seconds: float, *, compared: bool = True) -> MergeStats:
    """Return the whole model's statistics from its tensors'; `compared`: with the base's."""
    kept = list(changes)
    return MergeStats(
        seconds=seconds,
        parameters=sum(c.parameters for c in kept),
        nonzero=sum(c.nonzero for c in kept),
        l1=sum(c.l1 for c in kept),
        l2=sqrt(sum(c.squares for c in kept)),
        compared=compared,
    )
