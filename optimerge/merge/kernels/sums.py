"""How a merge, as written, differs from its base: counted and summed in torch, part by part."""

from typing import TYPE_CHECKING

from optimerge.merge.kernels.buffers import Buffers
from optimerge.merge.kernels.program import BLOCK
from optimerge.merge.stats import Change

if TYPE_CHECKING:
    from torch import Tensor

STRETCH = 512
"""Entries whose squares are summed in a row: a plain float32 sum of so few is within 1e-7."""


class Sums:
    """Sums of the differences of some parts.

    Those of blocks are held, one number for some thousand entries, and added up at the end: to ask
    for a number halts a device.
    """

    def __init__(self, parts: int, buffers: Buffers) -> None:
        import torch

        blocks, self._buffers, self._size = buffers.capacity // BLOCK, buffers, 0
        self._sums = torch.zeros((2, parts, blocks), device=buffers.device)
        self._lengths = torch.zeros((parts, buffers.capacity // STRETCH), device=buffers.device)
        self._rows = list(zip(*(t.unbind() for t in (*self._sums, self._lengths)), strict=True))

    def add(self, index: int, written: "Tensor", base: "Tensor") -> None:
        """Add the part of an index; `base` is float32."""
        import torch

        size = written.numel()
        padded = -(-size // BLOCK) * BLOCK
        whole = self._buffers.row("sum", padded)
        difference = whole if size == padded else whole[:size]
        if written.dtype == torch.float32:
            torch.sub(written, base, out=difference)
        else:
            difference.copy_(written).sub_(base)
        whole[size:] = 0
        l1, nonzero, lengths = self._rows[index]
        blocks = whole.view(-1, BLOCK)
        torch.linalg.vector_norm(whole.view(-1, STRETCH), dim=1, out=lengths[: padded // STRETCH])
        torch.sum(blocks.abs_(), dim=1, out=l1[: len(blocks)])
        torch.sum(blocks.ne_(self._buffers.zero), dim=1, out=nonzero[: len(blocks)])
        self._size += size

    def total(self) -> Change:
        """Return the sums of all parts."""
        import torch

        l1, nonzero = self._sums.sum(dim=(1, 2), dtype=torch.float64).tolist()
        squares = float(self._lengths.double().square_().sum())
        return Change(self._size, int(nonzero), l1, squares)
