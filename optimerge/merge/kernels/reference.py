"""The fused kernels in plain torch, part by part: works everywhere, and says what is right.

Temporaries are buffers of one part, made once a kernel object, so a candidate allocates nothing
of a tensor's size. Formulas and names as in `program`.
"""

from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING

from optimerge.merge.change import Change
from optimerge.merge.kernels.buffers import Buffers, Rows
from optimerge.merge.kernels.mix import Mix, task_vector
from optimerge.merge.kernels.places import places
from optimerge.merge.kernels.program import (
    BINS,
    BLOCK,
    LEVELS,
    SHIFT,
    STEPS,
    STRIDE,
    Keep,
    Program,
    Source,
)
from optimerge.merge.kernels.sums import Sums
from optimerge.merge.kernels.thin import thinning
from optimerge.merge.selection.splitmix import Stream

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
        self._sums = Sums(self._buffers)
        self._mix: Mix | None = None

    def merge(
        self,
        program: Program,
        base: "Tensor | None",
        sources: Sequence[Source],
        out: "Tensor",
        start: int = 0,
    ) -> Change | None:
        """Write the merge to `out`; see `Kernels.merge`."""
        if self._mix is None or (self._mix.program, self._mix.based) != (program, base is not None):
            self._mix = Mix(program, base is not None, self._stream, self._buffers)
        mix = self._mix
        found = self._merge(mix, base, sources, out, start)
        if found and program.elect and isnan(found.l1):
            found = self._merge(mix, base, sources, out, start, nan=True)
        return found

    def _merge(
        self,
        mix: Mix,
        base: "Tensor | None",
        sources: Sequence[Source],
        out: "Tensor",
        start: int,
        nan: bool = False,
    ) -> Change | None:
        """Write the merge; `nan`: as in `Election`."""
        parts = list(self._parts(out.numel()))
        self._sums.begin(len(parts))
        for part in parts:
            b = None if base is None else self._float("base", base[part])
            y = mix(b, sources, part, start + part.start, nan)
            written = out[part].copy_(y)
            if b is not None:
                self._sums.add(written, b)
        return None if base is None else self._sums.total()

    def norms(
        self, keep: Keep, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> tuple[int, int]:
        """Return sums of |d| before and after thinning; see `Kernels.norms`."""
        before = after = 0
        thin = thinning([keep], self._stream, self._buffers)
        for part in self._parts(base.numel()):
            d = self._delta(0, self._float("base", base[part]), source, part)
            before += self._norm(d, unit)
            if thin is not None:
                places = None if source.places is None else source.places[part]
                thin(Rows(d.view(1, -1)), [places], start + part.start)
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
        self, key: int, base: "Tensor", source: Source, unit: int, start: int = 0, step: int = 0
    ) -> "Tensor":
        """Sum magnitudes by the probability that keeps them; see `Kernels.shares`."""
        import torch

        sums = torch.zeros(STEPS + 1, dtype=torch.int64, device=self.device)
        for part in self._parts(base.numel()):
            d = self._delta(0, self._float("base", base[part]), source, part)
            least = (self._draw(key, start + part.start, d.numel()).int() + (HALF + 1)) << SHIFT
            if step:
                least -= _places(source)[part].int().mul_(step)
            steps = least.add_(STRIDE - 1).floor_divide_(STRIDE).clamp_(min=0)
            sums.index_add_(0, steps, _units(d, unit))
        return sums.cpu()

    def places(self, delta: "Tensor") -> "Tensor":
        """Return the places of a task vector; see `Kernels.places`."""
        return places(delta)

    def _delta(self, index: int, b: "Tensor", source: Source, part: slice) -> "Tensor":
        """Return a task vector's part, in a buffer."""
        d = self._buffers.rows("delta", index + 1, part.stop - part.start).each[index]
        return task_vector(d, b, source, part)

    def _draw(self, key: int, first: int, count: int) -> "Tensor":
        return self._stream.draws([key])(first, count)[0]

    def _float(self, name: str, values: "Tensor") -> "Tensor":
        """Return values as float32: themselves, or in a buffer."""
        import torch

        if values.dtype == torch.float32:
            return values
        return self._buffers.row(name, values.numel()).copy_(values)

    def _norm(self, d: "Tensor", unit: int) -> int:
        """Return the sum of trunc(|d| * 2**unit)."""
        whole = self._buffers.row("score", d.numel()).copy_(d).abs_().mul_(2.0**unit)
        return int(whole.long().sum())

    def _parts(self, size: int) -> Iterator[slice]:
        for start in range(0, size, self._part_size):
            yield slice(start, min(start + self._part_size, size))


def _places(source: Source) -> "Tensor":
    if source.places is None:
        raise TypeError("a term that keeps by rank needs the places of its source")
    return source.places


def _units(d: "Tensor", unit: int) -> "Tensor":
    """Return trunc(|d| * 2**unit) as int64."""
    return d.abs().mul_(2.0**unit).long()
