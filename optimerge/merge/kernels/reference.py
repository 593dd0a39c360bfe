"""The fused kernels in plain torch, part by part: works everywhere, and says what is right.

Temporaries are buffers of one part, made once a kernel object, so a candidate allocates nothing
of a tensor's size. Formulas and names as in `program`.
"""

from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING

from optimerge.merge.kernels.buffers import Buffers
from optimerge.merge.kernels.elect import elected
from optimerge.merge.kernels.program import (
    BINS,
    BLOCK,
    LEVELS,
    STEPS,
    Keep,
    Program,
    Source,
)
from optimerge.merge.kernels.sums import compared
from optimerge.merge.kernels.thin import Entries
from optimerge.merge.selection.splitmix import Stream
from optimerge.merge.stats import Change

if TYPE_CHECKING:
    from torch import Tensor, device

PART = 1 << 18
"""Entries taken at a time on a CPU: their buffers stay in its cache. A multiple of BLOCK."""
PART_ON_DEVICE = 1 << 24
HALF = LEVELS // 2


class TorchKernels:
    """The reference back end; not for two threads at once."""

    def __init__(self, on: "device | str" = "cpu", part: int | None = None) -> None:
        import torch

        self.device = torch.device(on)
        self._part_size = part or (PART if self.device.type == "cpu" else PART_ON_DEVICE)
        self._buffers = Buffers(self.device, -(-self._part_size // BLOCK) * BLOCK)
        self._stream = Stream(self._part_size, self.device)

    def merge(
        self,
        program: Program,
        base: "Tensor | None",
        sources: Sequence[Source],
        out: "Tensor",
        start: int = 0,
    ) -> Change | None:
        """Write the merge to `out`; see `Kernels.merge`."""
        nonzero, l1, squares = 0, 0.0, 0.0
        for part in self._parts(out.numel()):
            b = None if base is None else self._float("base", base[part])
            y = self._mix(program, b, sources, part, start)
            written = out[part].copy_(y)
            if b is None:
                continue
            found = compared(written, b, self._buffers)
            if program.elect and isnan(found.l1):
                y = self._mix(program, b, sources, part, start, nan=True)
                found = compared(written.copy_(y), b, self._buffers)
            nonzero += found.nonzero
            l1 += found.l1
            squares += found.squares
        return None if base is None else Change(out.numel(), nonzero, l1, squares)

    def norms(
        self, keep: Keep, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> tuple[int, int]:
        """Return sums of |d| before and after thinning; see `Kernels.norms`."""
        before = after = 0
        for part in self._parts(base.numel()):
            b = self._float("base", base[part])
            d = self._delta(0, b, source, part)
            before += self._norm(d, unit)
            self._entries(d.view(1, -1), [source], part, start).thin([keep])
            after += self._norm(d, unit)
        return before, after

    def magnitudes(self, base: "Tensor", source: Source) -> "Tensor":
        """Count magnitudes; see `Kernels.magnitudes`."""
        import torch

        counts = torch.zeros(BINS, dtype=torch.int64, device=self.device)
        for part in self._parts(base.numel()):
            d = self._delta(0, self._float("base", base[part]), source, part)
            bins = (d.view(torch.int32) >> 16).bitwise_and_(BINS - 1)
            counts += torch.bincount(bins, minlength=BINS)
        return counts.cpu()

    def shares(
        self, key: int, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> "Tensor":
        """Sum magnitudes by their draw; see `Kernels.shares`."""
        import torch

        sums = torch.zeros(STEPS, dtype=torch.int64, device=self.device)
        for part in self._parts(base.numel()):
            d = self._delta(0, self._float("base", base[part]), source, part)
            drawn = self._draw(key, start + part.start, d.numel()).to(torch.int64)
            sums.index_add_(0, (drawn + HALF) // (LEVELS // STEPS), _units(d, unit))
        return sums.cpu()

    def _mix(
        self,
        program: Program,
        b: "Tensor | None",
        sources: Sequence[Source],
        part: slice,
        start: int,
        nan: bool = False,
    ) -> "Tensor":
        """Return y of one part, in a buffer; `nan`: as `elected` takes it."""
        weights = [term.weight for term in program.terms]
        deltas = self._buffers.rows("delta", len(sources), part.stop - part.start)
        if program.linear or b is None:
            for d, source in zip(deltas, sources, strict=True):
                d.copy_(source.values[part])
        else:
            for d, source in zip(deltas, sources, strict=True):
                _read(d, b, source, part)
            self._entries(deltas, sources, part, start).thin([term.keep for term in program.terms])
            _scale(deltas, [term.scale for term in program.terms])
        _scale(deltas, weights)
        if program.elect:
            m = elected(deltas, weights, program.normalize, self._buffers, nan)
        else:
            m = deltas[0]
            for d in deltas[1:]:
                m.add_(d)
            m.add_(m.new_zeros(()))  # a negative zero becomes the positive one of a sum from 0
            if program.divisor != 1:
                m.div_(m.new_tensor(program.divisor))  # CUDA turns a plain number to its reciprocal
        if program.linear or b is None:
            return m
        if program.factor != 1:
            m.mul_(program.factor)
        return m.add_(b)

    def _entries(
        self, deltas: "Tensor", sources: Sequence[Source], part: slice, start: int
    ) -> Entries:
        places = [None if s.places is None else s.places[part] for s in sources]
        first, size = start + part.start, part.stop - part.start
        return Entries(
            deltas, lambda keys: self._stream.uniforms(keys, first, size), places, self._buffers
        )

    def _delta(self, index: int, b: "Tensor", source: Source, part: slice) -> "Tensor":
        """Return a task vector's part, in a buffer."""
        d = self._buffers.rows("delta", index + 1, part.stop - part.start)[index]
        return _read(d, b, source, part)

    def _draw(self, key: int, first: int, count: int) -> "Tensor":
        return self._stream.uniforms([key], first, count)[0]

    def _float(self, name: str, values: "Tensor") -> "Tensor":
        """Return values as float32: themselves, or in a buffer."""
        import torch

        if values.dtype == torch.float32:
            return values
        return self._buffers.floats(name, values.numel()).copy_(values)

    def _norm(self, d: "Tensor", unit: int) -> int:
        """Return the sum of trunc(|d| * 2**unit)."""
        whole = self._buffers.floats("score", d.numel()).copy_(d).abs_().mul_(2.0**unit)
        return int(whole.long().sum())

    def _parts(self, size: int) -> Iterator[slice]:
        for start in range(0, size, self._part_size):
            yield slice(start, min(start + self._part_size, size))


def _units(d: "Tensor", unit: int) -> "Tensor":
    """Return trunc(|d| * 2**unit) as int64."""
    return d.abs().mul_(2.0**unit).long()


def _read(d: "Tensor", b: "Tensor", source: Source, part: slice) -> "Tensor":
    """Write a part of a task vector to `d`."""
    import torch

    values = source.values[part]
    if source.scales is not None:
        return _scaled(d.copy_(values), source.scales, source.row, part.start)
    if values.dtype == torch.float32:
        return torch.sub(values, b, out=d)
    return d.copy_(values).sub_(b)


def _scale(deltas: "Tensor", factors: Sequence[float]) -> None:
    """Multiply each row by its factor."""
    if any(factor != 1 for factor in factors):
        deltas.mul_(deltas.new_tensor(factors).view(-1, 1))


def _scaled(d: "Tensor", scales: "Tensor", row: int, first: int) -> "Tensor":
    """Multiply entries from index `first` on, in place, by the scales of their rows."""
    at = first // row
    head = min(d.numel(), -first % row)
    rows = (d.numel() - head) // row
    if head:
        d[:head].mul_(scales[at])
        at += 1
    tail = head + rows * row
    d[head:tail].view(rows, row).mul_(scales[at : at + rows, None])
    if tail < d.numel():
        d[tail:].mul_(scales[at + rows])
    return d
