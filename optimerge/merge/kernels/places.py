"""Where an entry's magnitude stands in its row, in 256 steps: made once, read by every candidate.

place = floor(255 * (rank - 1) / (R - 1) + 1/2), rank from 1 for the smallest of R entries along
dim 1 (a vector is one row), ties at the middle of their ranks; a row of one entry has place 128.
"""

from typing import TYPE_CHECKING

from optimerge.merge.kernels.program import LEVELS, SHIFT, STEPS, STRIDE, Ranked
from optimerge.merge.selection.ranks import middle_ranks

if TYPE_CHECKING:
    from torch import Tensor

LAST = 255


def places(delta: "Tensor") -> "Tensor":
    """Return the places of a task vector in its tensor's shape; uint8, contiguous."""
    import torch

    length = delta.shape[1] if delta.dim() > 1 else delta.numel()
    if length <= 1:
        return torch.full(delta.shape, (LAST + 1) // 2, dtype=torch.uint8, device=delta.device)
    # Ranks are multiples of 1/2: whole numbers of half ranks, so that the division is exact.
    halves = (middle_ranks(delta.abs().float()) * 2).long() - 2
    last = 2 * (length - 1)
    return ((halves * (2 * LAST) + last) // (2 * last)).to(torch.uint8).contiguous()


def ranked(key: int, density: float, epsilon: float) -> Ranked:
    """Return DELLA's choice: probability density - epsilon for place 0, + epsilon for the last.

    That of place 0 is one of the STEPS, and above 0: so each entry may be kept, and the sums of
    what is kept at every density fit in a table.
    """
    steps = max(1, round((density - epsilon) * STEPS))
    return Ranked(key, steps * STRIDE, round(2 * epsilon * (LEVELS << SHIFT) / LAST))
