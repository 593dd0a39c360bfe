"""How a merge, as written, differs from its base: counted and summed in torch, part by part."""

from itertools import pairwise
from typing import TYPE_CHECKING

from optimerge.merge.change import Change
from optimerge.merge.kernels.buffers import Buffers
from optimerge.merge.kernels.program import BLOCK

if TYPE_CHECKING:
    from torch import Tensor

STRETCH = 512
"""Entries whose squares are summed in a row: a plain float32 sum of so few is within 1e-7."""


class Sums:
    """Sums of the differences of a tensor's parts.

    Those of blocks are held, one number for some hundred entries, and added up at the end: to ask
    for a number halts a device. The memory is kept for the next tensor.
    """

    def __init__(self, buffers: Buffers) -> None:
        self._buffers = buffers
        self._blocks = buffers.capacity // BLOCK
        self._width = 2 * self._blocks + buffers.capacity // STRETCH
        self._memory = buffers.zero.new_empty((0, self._width))
        self._rows: list[tuple[Tensor, ...]] = []
        self._parts = self._size = 0

    def begin(self, parts: int) -> None:
        """Begin with a tensor that has so many parts."""
        if len(self._rows) < parts:
            self._memory = self._memory.new_empty((parts, self._width))
            ends = [0, self._blocks, 2 * self._blocks, self._width]
            groups = [self._memory[:, a:b].unbind() for a, b in pairwise(ends)]
            self._rows = list(zip(*groups, strict=True))
        self._parts = self._size = 0

    def add(self, written: "Tensor", base: "Tensor") -> None:
        """Add the next part; `base` is float32."""
        import torch

        size = written.numel()
        padded = -(-size // BLOCK) * BLOCK
        whole, blocks, stretches = self._buffers.cut("sum", padded, BLOCK, STRETCH)
        difference = whole if size == padded else whole[:size]
        if written.dtype == torch.float32:
            torch.sub(written, base, out=difference)
        else:
            difference.copy_(written).sub_(base)
        if size < padded:
            whole[size:] = 0
        l1, nonzero, lengths = self._rows[self._parts]
        if padded < self._buffers.capacity:
            self._memory[self._parts] = 0
            l1, nonzero = l1[: len(blocks)], nonzero[: len(blocks)]
            lengths = lengths[: len(stretches)]
        torch.linalg.vector_norm(stretches, dim=1, out=lengths)
        torch.sum(blocks.abs_(), dim=1, out=l1)
        torch.sum(blocks.ne_(self._buffers.zero), dim=1, out=nonzero)
        self._parts += 1
        self._size += size

    def total(self) -> Change:
        """Return the sums of all parts."""
        found = self._memory[: self._parts].double()
        found[:, 2 * self._blocks :].square_()
        sums = found.sum(dim=0).tolist()
        l1, nonzero = sums[: self._blocks], sums[self._blocks : 2 * self._blocks]
        return Change(self._size, int(sum(nonzero)), sum(l1), sum(sums[2 * self._blocks :]))
