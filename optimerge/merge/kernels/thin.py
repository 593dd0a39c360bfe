"""Sets to zero, in place and in torch, what task vectors do not keep.

Each kind of selection is turned into a float32 score and a limit: kept is what has more. Then one
step, `threshold_backward`, compares and selects at once; a mask and `masked_fill_` or `where` take
twenty times as long on a CPU where the mask is random. It keeps what has a NaN for a score.

Random numbers are drawn for all task vectors at once, since a step costs microseconds of its own;
the rest is done row by row in the same memory, which stays near the processor.
"""

from collections.abc import Callable, Sequence
from functools import cache
from struct import pack, unpack
from typing import TYPE_CHECKING, Any, Protocol

from optimerge.merge.kernels.buffers import Buffers, Rows
from optimerge.merge.kernels.program import (
    LEVELS,
    NOTHING,
    SHIFT,
    Band,
    Keep,
    Random,
    Ranked,
)
from optimerge.merge.selection.splitmix import Stream, integer

if TYPE_CHECKING:
    from torch import Tensor

HALF = LEVELS // 2
BIN_BITS = 0x7FFF0000
INFINITY = 0x7F800000
"""Bits of float32's infinity: as integers and as numbers, bits up to there have one order."""


class Thinning(Protocol):
    """What is kept of some task vectors."""

    def __call__(self, deltas: Rows, places: "Sequence[Tensor | None]", first: int) -> None:
        """Leave of each row of a part what is kept of it; the rest becomes +0.

        `places` are those of their entries, uint8; `first` is the index of the first entry.
        """
        ...


def thinning(keeps: Sequence[Keep], stream: Stream, buffers: Buffers) -> Thinning | None:
    """Return what does as `keeps` say, one for each row; None where everything is kept."""
    bands = [k for k in keeps if isinstance(k, Band)]
    randoms = [k for k in keeps if isinstance(k, Random)]
    ranked = [k for k in keeps if isinstance(k, Ranked)]
    if len(bands) == len(keeps):
        return Bands(bands, stream, buffers)
    if len(randoms) == len(keeps):
        return Randoms(randoms, stream, buffers)
    if len(ranked) == len(keeps):
        return Ranks(ranked, stream, buffers)
    if not (bands or randoms or ranked):
        return None
    return Apart([thinning([keep], stream, buffers) for keep in keeps])


class Apart:
    """Rows of several kinds, one after the other."""

    def __init__(self, rows: Sequence[Thinning | None]) -> None:
        self._rows = rows

    def __call__(self, deltas: Rows, places: "Sequence[Tensor | None]", first: int) -> None:
        """Thin each row."""
        for index, thin in enumerate(self._rows):
            if thin is not None:
                thin(deltas.only(index), places[index : index + 1], first)


class Randoms:
    """Rows of `Random`: u < limit, as ~u > ~limit."""

    def __init__(self, keeps: Sequence[Random], stream: Stream, buffers: Buffers) -> None:
        self._all = all(keep.limit >= LEVELS for keep in keeps)
        self._limits = [HALF - 1 - keep.limit for keep in keeps]
        self._draws, self._buffers = stream.draws([keep.key for keep in keeps]), buffers

    def __call__(self, deltas: Rows, places: "Sequence[Tensor | None]", first: int) -> None:
        """Thin all rows."""
        if self._all:
            return
        drawn = self._draws(first, deltas.whole.shape[1]).bitwise_not_()
        score = self._buffers.row("score", deltas.whole.shape[1])
        for d, u, limit in zip(deltas.each, drawn.unbind(), self._limits, strict=True):
            _above(d, score.copy_(u), limit)


class Ranks:
    """Rows of `Ranked`: a limit for each entry."""

    def __init__(self, keeps: Sequence[Ranked], stream: Stream, buffers: Buffers) -> None:
        import torch

        numbers = [[keep.step, keep.start] for keep in keeps]
        columns = torch.tensor(numbers, dtype=torch.int32, device=buffers.device)
        self._numbers = [row.unbind() for row in columns]
        self._draws, self._buffers = stream.draws([keep.key for keep in keeps]), buffers

    def __call__(self, deltas: Rows, places: "Sequence[Tensor | None]", first: int) -> None:
        """Thin all rows."""
        size = deltas.whole.shape[1]
        score, spare = self._buffers.rows("score", 1, size), self._buffers.rows("code", 1, size)
        limit, drawn = score.each_bits[0], spare.each_bits[0]
        draws = self._draws(first, size).unbind()
        for d, of, u, (step, begin) in zip(deltas.each, places, draws, self._numbers, strict=True):
            if of is None:
                raise TypeError("a term that keeps by rank needs the places of its source")
            limit.copy_(of).mul_(step).add_(begin).bitwise_right_shift_(integer(SHIFT))
            limit.sub_(drawn.copy_(u))
            _above(d, score.each[0].copy_(limit), HALF)  # as numbers, in the same memory


class Bands:
    """Rows of `Band`: codes, whose bits are compared as those of numbers."""

    def __init__(self, keeps: Sequence[Band], stream: Stream, buffers: Buffers) -> None:
        self._all = all(keep.low <= 0 and keep.high == NOTHING for keep in keeps)
        self._keeps, self._buffers = keeps, buffers
        drawn = any(keep.draws for keep in keeps)
        self._draws = stream.draws([keep.key for keep in keeps]) if drawn else None

    def __call__(self, deltas: Rows, places: "Sequence[Tensor | None]", first: int) -> None:
        """Thin all rows."""
        import torch

        if self._all:
            return
        size = deltas.whole.shape[1]
        drawn: Sequence[Tensor | None] = [None] * len(self._keeps)
        if self._draws is not None:
            turned = self._draws(first, size).bitwise_xor_(integer(HALF - 1))  # 65535 - u
            drawn = turned.view(torch.uint16).unbind()
        for keep, d, bits, u in zip(self._keeps, deltas.each, deltas.each_bits, drawn, strict=True):
            self._row(keep, d, bits, u)

    def _row(self, keep: Band, d: "Tensor", bits: "Tensor", turned: "Tensor | None") -> None:
        import torch

        code = self._buffers.rows("code", 1, d.numel())
        score = self._buffers.rows("score", 1, d.numel())
        codes, scores = code.each_bits[0], score.each_bits[0]
        torch.bitwise_and(bits, integer(BIN_BITS), out=codes)
        if turned is not None:
            codes.bitwise_or_(scores.copy_(turned))
        if 0 < keep.low <= INFINITY:
            _above(d, code.each[0], _number(keep.low - 1))
        elif keep.low > INFINITY:
            _above(d, score.each[0].copy_(torch.sub(codes, keep.low - 1, out=scores)), 0)
        if keep.high != NOTHING:
            _above(d, code.each[0].copy_(codes.neg_().add_(keep.high)), 0)


def _above(d: "Tensor", score: "Tensor", limit: float) -> None:
    above()(d, score, limit, grad_input=d)


@cache
def above() -> Callable[..., Any]:
    """Return torch's f(x, score, limit, grad_input=out): x, but 0 where the score is at most that.

    A NaN is not at most anything.
    """
    import torch

    found: Callable[..., Any] = torch.ops.aten.threshold_backward.grad_input
    return found


def _number(bits: int) -> float:
    """Return the float32 number that has these bits."""
    found: float = unpack("<f", pack("<I", bits))[0]
    return found
