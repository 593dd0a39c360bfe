"""The fused kernels in plain torch, part by part: works everywhere, and says what is right.

Temporaries are buffers of one part, made once a kernel object, so a candidate allocates nothing
of a tensor's size. Formulas and names as in `program`.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from optimerge.merge.kernels.places import places
from optimerge.merge.kernels.program import (
    BINS,
    BLOCK,
    LEVELS,
    NOTHING,
    SHIFT,
    STEPS,
    STRIDE,
    Band,
    Keep,
    Program,
    Random,
    Source,
    Whole,
)
from optimerge.merge.selection.splitmix import uniforms
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
        self._part = part or (PART if self.device.type == "cpu" else PART_ON_DEVICE)
        self._buffers: dict[str, Tensor] = {}

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
            first = start + part.start
            b = None if base is None else self._float("base", base[part])
            y = self._mix(program, b, sources, part, first)
            out[part] = y
            if b is None:
                continue
            y.copy_(out[part])  # as it was rounded
            y.sub_(b)
            nonzero += int(y.count_nonzero())
            l1 += _in_blocks(y.abs_())
            squares += _in_blocks(y.mul_(y))
        return None if base is None else Change(out.numel(), nonzero, l1, squares)

    def norms(
        self, keep: Keep, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> tuple[int, int]:
        """Return sums of |d| before and after thinning; see `Kernels.norms`."""
        before = after = 0
        for part in self._parts(base.numel()):
            b = self._float("base", base[part])
            d = self._delta(0, b, source, part)
            whole = _units(d, unit)
            before += int(whole.sum())
            kept = self._kept(keep, d, source, part, start + part.start)
            after += int(whole.sum() if kept is None else (whole * kept).sum())
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

    def _mix(
        self,
        program: Program,
        b: "Tensor | None",
        sources: Sequence[Source],
        part: slice,
        first: int,
    ) -> "Tensor":
        """Return y of one part, in a buffer."""
        size = part.stop - part.start
        m = self._buffer("mix", size).zero_()
        scratch = self._buffer("scratch", size)
        if program.linear or b is None:
            for term, source in zip(program.terms, sources, strict=True):
                scratch.copy_(source.values[part])
                m += scratch.mul_(term.weight)
            return self._divided(m, program.divisor)
        thinned = []
        for index, (term, source) in enumerate(zip(program.terms, sources, strict=True)):
            d = self._delta(index, b, source, part)
            kept = self._kept(term.keep, d, source, part, first)
            if kept is not None:
                d.masked_fill_(kept.logical_not_(), 0)
            if term.scale != 1:
                d.mul_(term.scale)
            d.mul_(term.weight)
            m += d
            thinned.append(d)
        if program.elect:
            self._elect(program, thinned, m, scratch)
        else:
            self._divided(m, program.divisor)
        if program.factor != 1:
            m.mul_(program.factor)
        return m.add_(b)

    def _divided(self, m: "Tensor", divisor: float) -> "Tensor":
        """Divide in place; by a tensor, since CUDA turns a plain number into its reciprocal."""
        return m if divisor == 1 else m.div_(m.new_tensor(divisor))

    def _elect(
        self, program: Program, thinned: "Sequence[Tensor]", m: "Tensor", scratch: "Tensor"
    ) -> None:
        """Turn the sum in `m` into the sum of what has its sign, in place."""
        size = m.numel()
        sign = self._buffer("sign", size)
        sign.copy_(m >= 0).mul_(2).sub_(1)
        total = self._buffer("total", size).zero_() if program.normalize else None
        m.zero_()
        for term, d in zip(program.terms, thinned, strict=True):
            other = scratch.copy_(d).mul_(sign) > 0
            agree = scratch.copy_(other)
            m += d.masked_fill_(other.logical_not(), 0)
            if total is not None:
                total += agree.mul_(term.weight)
        if total is not None:
            m.div_(total.masked_fill_(total == 0, 1))

    def _delta(self, index: int, b: "Tensor", source: Source, part: slice) -> "Tensor":
        """Return a task vector's part, in a buffer of that index."""
        import torch

        d = self._buffer(f"delta {index}", part.stop - part.start)
        d.copy_(source.values[part])
        if source.scales is None:
            return d.sub_(b)
        rows = torch.arange(part.start, part.stop, device=d.device).floor_divide_(source.row)
        return d.mul_(source.scales[rows])

    def _kept(
        self, keep: Keep, d: "Tensor", source: Source, part: slice, first: int
    ) -> "Tensor | None":
        """Return the mask of what is kept; None for everything."""
        import torch

        if isinstance(keep, Whole):
            return None
        if isinstance(keep, Band):
            code = d.view(torch.int32) & 0x7FFF0000
            if keep.draws:
                code.add_(HALF - 1).sub_(self._draw(keep.key, first, d.numel()))
            kept = code >= keep.low
            return kept if keep.high == NOTHING else kept.logical_and_(code < keep.high)
        u = self._draw(keep.key, first, d.numel())
        if isinstance(keep, Random):
            # int16 reaches up to LEVELS - 1 - HALF: a limit beyond that keeps all.
            return None if keep.limit >= LEVELS else u < keep.limit - HALF
        limits = _places(source)[part].int().mul_(keep.step).add_(keep.start)
        return u < limits.bitwise_right_shift_(SHIFT).sub_(HALF)

    def _draw(self, key: int, first: int, count: int) -> "Tensor":
        return uniforms(key, first, count, self.device)

    def _float(self, name: str, values: "Tensor") -> "Tensor":
        return self._buffer(name, values.numel()).copy_(values)

    def _buffer(self, name: str, size: int) -> "Tensor":
        import torch

        if name not in self._buffers:
            self._buffers[name] = torch.empty(self._part, device=self.device)
        return self._buffers[name][:size]

    def _parts(self, size: int) -> Iterator[slice]:
        for start in range(0, size, self._part):
            yield slice(start, min(start + self._part, size))


def _places(source: Source) -> "Tensor":
    if source.places is None:
        raise TypeError("a term that keeps by rank needs the places of its source")
    return source.places


def _units(d: "Tensor", unit: int) -> "Tensor":
    """Return trunc(|d| * 2**unit) as int64."""
    return d.abs().mul_(2.0**unit).long()


def _in_blocks(values: "Tensor") -> float:
    """Sum in float32 within blocks and in float64 over them."""
    import torch

    whole = values.numel() // BLOCK * BLOCK
    total = values[:whole].view(-1, BLOCK).sum(dim=1).sum(dtype=torch.float64)
    return float(total + values[whole:].sum())
