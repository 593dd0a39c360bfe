"""Random programs and tensors, for the back ends to agree on."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from optimerge.merge.kernels.magnitudes import magnitudes
from optimerge.merge.kernels.places import places, ranked
from optimerge.merge.kernels.program import Band, Keep, Program, Random, Source, Term, Whole
from optimerge.merge.kernels.reference import TorchKernels

FLOATS = (torch.bfloat16, torch.float16, torch.float32)
KINDS = ("whole", "largest", "band", "random", "ranked")


@dataclass(frozen=True)
class Case:
    """One merge of one tensor."""

    program: Program
    base: Tensor
    sources: tuple[Source, ...]
    dtype: torch.dtype
    """Of the output."""
    start: int

    @property
    def out(self) -> Tensor:
        """Memory to write to, filled with a mark."""
        return torch.full((self.base.numel(),), 77.0).to(self.dtype)


def tensors(seed: int, size: int, count: int, dtype: torch.dtype) -> tuple[Tensor, list[Tensor]]:
    """Return a base and experts near it; some entries equal the base's, some are zero."""
    g = torch.Generator().manual_seed(seed)
    base = torch.randn(size, generator=g) * 0.02
    base[torch.rand(size, generator=g) < 0.05] = 0.0
    made = []
    for index in range(count):
        delta = torch.randn(size, generator=g) * 10 ** -(index % 3 + 1) * 0.1
        delta[torch.rand(size, generator=g) < 0.2] = 0.0
        made.append((base + delta).to(dtype))
    return base.to(dtype), made


def keep_of(kind: str, key: int, share: float, base: Tensor, source: Source) -> Keep:
    if kind == "whole":
        return Whole()
    if kind == "random":
        return Random(key, round(share * 4096) * 16)
    if kind == "ranked":
        return ranked(key, 0.2 + 0.6 * share, 0.15)
    table = magnitudes(TorchKernels().magnitudes(base, source))
    count = base.numel()
    low = table.code(round(share * count))
    return Band(key, low) if kind == "largest" else Band(key, low, table.code(round(count * 0.02)))


@st.composite
def cases(draw: st.DrawFn, largest: int = 300, rounded: bool = True) -> Case:
    """Draw a case. `rounded`: sources may be in int8 steps."""
    size = draw(st.integers(1, largest))
    count = draw(st.integers(1, 5))
    dtype = draw(st.sampled_from(FLOATS))
    base, made = tensors(draw(st.integers(0, 2**31)), size, count, dtype)
    row = draw(st.integers(1, 40))
    rows8 = rounded and draw(st.booleans())
    numbers = st.floats(-2, 2, width=32)
    linear = not rows8 and draw(st.booleans()) and draw(st.booleans())
    elect = draw(st.booleans())
    terms, sources = [], []
    for tensor in made:
        source = Source(tensor)
        if rows8:
            source = in_steps(base, tensor, row)
        kind = "whole" if linear else draw(st.sampled_from(KINDS))
        keep = keep_of(
            kind, draw(st.integers(-(2**63), 2**63 - 1)), draw(st.floats(0, 1)), base, source
        )
        if kind == "ranked":
            spot = places((tensor.float() - base.float()).view(1, -1)).view(-1)
            source = Source(source.values, source.scales, source.row, spot)
        scale = draw(st.sampled_from((1.0, 1.25, float(torch.tensor(1.7)))))
        terms.append(Term(draw(numbers), keep, 1.0 if linear else scale))
        sources.append(source)
    program = Program(
        tuple(terms),
        linear=linear,
        elect=elect and not linear,
        normalize=elect and not linear and draw(st.booleans()),
        divisor=1.0 if elect else draw(st.sampled_from((1.0, 0.75, float(torch.tensor(-1.3))))),
        factor=1.0 if linear else draw(st.sampled_from((1.0, 0.5, float(torch.tensor(1.1))))),
    )
    start = draw(st.integers(0, 50)) if not rows8 else row * draw(st.integers(0, 50))
    return Case(program, base, tuple(sources), draw(st.sampled_from(FLOATS)), start)


def in_steps(base: Tensor, tensor: Tensor, row: int) -> Source:
    """Return an expert as int8 steps of its task vector, a row at a time."""
    delta = tensor.float() - base.float()
    rows = -(-delta.numel() // row)
    padded = torch.zeros(rows * row)
    padded[: delta.numel()] = delta
    scales = padded.view(rows, row).abs().amax(dim=1) / 127
    steps = (padded.view(rows, row) / scales.clamp(min=1e-30).view(-1, 1)).round().to(torch.int8)
    return Source(steps.view(-1)[: delta.numel()].contiguous(), scales, row)
