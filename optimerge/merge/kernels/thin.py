"""Sets to zero, in place and in torch, what task vectors do not keep.

Each kind of selection is turned into a float32 score and a limit: kept is what has more. Then one
step, `threshold_backward`, compares and selects at once; a mask and `masked_fill_` or `where` take
twenty times as long on a CPU where the mask is random. It keeps what has a NaN for a score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from struct import pack, unpack
from typing import TYPE_CHECKING

from optimerge.merge.kernels.buffers import Buffers
from optimerge.merge.kernels.program import (
    LEVELS,
    NOTHING,
    SHIFT,
    Band,
    Keep,
    Random,
    Ranked,
)

if TYPE_CHECKING:
    from torch import Tensor

HALF = LEVELS // 2
BIN_BITS = 0x7FFF0000
INFINITY = 0x7F800000
"""Bits of float32's infinity: as integers and as numbers, bits up to there have one order."""


@dataclass(frozen=True)
class Entries:
    """A part of some task vectors and what selects from it."""

    deltas: "Tensor"
    """A row for each task vector, float32."""
    draw: "Callable[[Sequence[int]], Tensor]"
    """Returns the entries' uniform numbers (less HALF; int16), a row for each of some keys, in
    memory that may be written to until the next call."""
    places: "Sequence[Tensor | None]"
    """The entries' places, for each task vector; uint8."""
    buffers: Buffers

    def row(self, index: int) -> "Entries":
        """Return the part of one task vector."""
        one = slice(index, index + 1)
        return replace(self, deltas=self.deltas[one], places=self.places[one])

    def thin(self, keeps: Sequence[Keep]) -> None:
        """Leave of each row what its `keep` keeps; the rest becomes +0.

        Rows of one kind are worked on together: each step costs microseconds of its own.
        """
        bands = [k for k in keeps if isinstance(k, Band)]
        randoms = [k for k in keeps if isinstance(k, Random)]
        ranked = [k for k in keeps if isinstance(k, Ranked)]
        if len(bands) == len(keeps):
            self._band(bands)
        elif len(randoms) == len(keeps):
            self._random(randoms)
        elif len(ranked) == len(keeps):
            self._ranked(ranked)
        elif bands or randoms or ranked:
            for index, keep in enumerate(keeps):
                self.row(index).thin([keep])

    def _random(self, keeps: Sequence[Random]) -> None:
        if all(keep.limit >= LEVELS for keep in keeps):
            return
        drawn = self.draw([keep.key for keep in keeps]).bitwise_not_()
        scores = self.buffers.rows("score", *self.deltas.shape).copy_(drawn)
        for keep, d, score in zip(keeps, self.deltas, scores, strict=True):
            _above(d, score, HALF - 1 - keep.limit)  # ~u > ~limit: u < limit

    def _ranked(self, keeps: Sequence[Ranked]) -> None:
        scores = self.buffers.integers("score", *self.deltas.shape)
        drawn = self.buffers.integers("code", *self.deltas.shape)
        for keep, places, score in zip(keeps, self.places, scores, strict=True):
            if places is None:
                raise TypeError("a term that keeps by rank needs the places of its source")
            score.copy_(places).mul_(keep.step).add_(keep.start)
        drawn.copy_(self.draw([keep.key for keep in keeps]))
        scores.bitwise_right_shift_(SHIFT).sub_(drawn)
        for d, score in zip(self.deltas, _as_floats(scores), strict=True):
            _above(d, score, HALF)

    def _band(self, keeps: Sequence[Band]) -> None:
        import torch

        if all(keep.low <= 0 and keep.high == NOTHING for keep in keeps):
            return
        codes = self.buffers.integers("code", *self.deltas.shape)
        torch.bitwise_and(self.deltas.view(torch.int32), BIN_BITS, out=codes)
        scores = self.buffers.integers("score", *self.deltas.shape)
        if any(keep.draws for keep in keeps):
            drawn = self.draw([keep.key for keep in keeps]).bitwise_xor_(HALF - 1)
            codes.bitwise_or_(scores.copy_(drawn.view(torch.uint16)))  # 65535 - u
        for keep, d, code, score in zip(keeps, self.deltas, codes, scores, strict=True):
            if keep.low > INFINITY:
                _above(d, _as_floats(torch.sub(code, keep.low - 1, out=score)), 0)
            elif keep.low > 0:
                _above(d, code.view(torch.float32), _number(keep.low - 1))
            if keep.high != NOTHING:
                _above(d, _as_floats(code.neg_().add_(keep.high)), 0)


def _above(d: "Tensor", score: "Tensor", limit: float) -> None:
    import torch

    torch.ops.aten.threshold_backward.grad_input(d, score, limit, grad_input=d)


def _as_floats(integers: "Tensor") -> "Tensor":
    """Turn int32 numbers into float32 in their own memory; their signs are what matters."""
    import torch

    return integers.view(torch.float32).copy_(integers)


def _number(bits: int) -> float:
    """Return the float32 number that has these bits."""
    found: float = unpack("<f", pack("<I", bits))[0]
    return found
