"""A part of a merge in torch, before it is rounded. Formulas and names as in `program`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimerge.merge.kernels.buffers import Buffers
from optimerge.merge.kernels.elect import Election
from optimerge.merge.kernels.program import Program, Source
from optimerge.merge.kernels.thin import thinning
from optimerge.merge.selection.splitmix import Stream

if TYPE_CHECKING:
    from torch import Tensor


class Mix:
    """What a program does to a part, with its numbers as torch takes them fastest."""

    def __init__(self, program: Program, based: bool, stream: Stream, buffers: Buffers) -> None:
        self.program, self.based = program, based
        terms = program.terms
        self._linear = program.linear or not based
        self._thin = thinning([term.keep for term in terms], stream, buffers)
        self._weights, self._scales = (
            buffers.zero.new_tensor([[number] for number in numbers])
            if any(number != 1 for number in numbers)
            else None
            for numbers in ([term.weight for term in terms], [term.scale for term in terms])
        )
        # By tensors: CUDA turns a plain divisor into its reciprocal.
        self._divisor, self._factor = (
            buffers.zero.new_tensor(number) if number != 1 else None
            for number in (program.divisor, program.factor)
        )
        weights = [term.weight for term in terms]
        self._elect = Election(weights, program.normalize, buffers) if program.elect else None
        self._buffers = buffers

    def __call__(
        self, b: "Tensor | None", sources: Sequence[Source], part: slice, first: int, nan: bool
    ) -> "Tensor":
        """Return y of a part, in a buffer; `b` is its base's, `first` the index of its start.

        `nan`: as in `Election`.
        """
        deltas = self._buffers.rows("delta", len(sources), part.stop - part.start)
        if self._linear or b is None:
            for d, source in zip(deltas.each, sources, strict=True):
                d.copy_(source.values[part])
        else:
            for d, source in zip(deltas.each, sources, strict=True):
                task_vector(d, b, source, part)
            if self._thin is not None:
                places = [s.places if s.places is None else s.places[part] for s in sources]
                self._thin(deltas, places, first)
            if self._scales is not None:
                deltas.whole.mul_(self._scales)
        if self._weights is not None:
            deltas.whole.mul_(self._weights)
        if self._elect is not None:
            m = self._elect(deltas, nan)
        else:
            m = deltas.each[0]
            for d in deltas.each[1:]:
                m.add_(d)
            m.add_(self._buffers.zero)  # a negative zero becomes the positive one of a sum from 0
            if self._divisor is not None:
                m.div_(self._divisor)
        if self._linear or b is None:
            return m
        if self._factor is not None:
            m.mul_(self._factor)
        return m.add_(b)


def task_vector(d: "Tensor", b: "Tensor", source: Source, part: slice) -> "Tensor":
    """Write a part of a task vector to `d`; `b` is its base's, float32."""
    import torch

    values = source.values[part]
    if source.scales is not None:
        return _scaled(d.copy_(values), source.scales, source.row, part.start)
    if values.dtype == torch.float32:
        return torch.sub(values, b, out=d)
    return d.copy_(values).sub_(b)


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
