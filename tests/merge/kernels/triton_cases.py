"""Random merges for the Triton back end: sizes about its parts, odd addresses, every kind of term."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import torch
import triton.language as tl
from torch import Tensor
from triton.runtime import interpreter

from optimerge.merge.kernels.many import Job
from optimerge.merge.kernels.program import (
    NOTHING,
    Band,
    Keep,
    Program,
    Random,
    Ranked,
    Source,
    Term,
    Whole,
)

FLOATS = (torch.bfloat16, torch.float16, torch.float32)
SIZES = (0, 1, 3, 8, 100, 1023, 1024, 1025, 1500, 2048)
ROWS = (1, 3, 16, 700, 1024, 1030, 5000)
STARTS = (0, 0, 4, 5, 12344, 2**33 + 8, 2**33 + 3)
MARK = 7.0
PADDING = 8
"""Entries of a mark that stand before and after every output."""


@dataclass(frozen=True)
class Case:
    """One merge of one tensor."""

    program: Program
    base: Tensor | None
    sources: tuple[Source, ...]
    dtype: torch.dtype
    """Of the output."""
    size: int
    start: int
    shift: int
    """Entries by which the output misses an address that is a multiple of 16 bytes."""

    def job(self, on: str = "cpu") -> Job:
        """Return the merge into new memory; `padding_of` says what must stay as it is."""
        memory = torch.full((PADDING + self.size + 2 * PADDING,), MARK, device=on).to(self.dtype)
        first = PADDING + self.shift
        out = memory[first : first + self.size]
        base = None if self.base is None else shifted(self.base, self.shift, on)
        sources = [
            Source(
                shifted(source.values, self.shift, on),
                None if source.scales is None else source.scales.to(on),
                source.row,
                None if source.places is None else shifted(source.places, self.shift, on),
            )
            for source in self.sources
        ]
        return Job(self.program, base, sources, out, self.start)


def case(seed: int) -> Case:
    """Return the case of a seed."""
    r, g = random.Random(seed), torch.Generator().manual_seed(seed)
    size, row, dtype = r.choice(SIZES), r.choice(ROWS), r.choice(FLOATS)
    linear = r.random() < 0.2
    base = (torch.randn(size, generator=g) * 0.02).to(dtype)
    terms, sources = [], []
    for _ in range(r.choice((1, 2, 3, 4))):
        places = torch.randint(0, 256, (size,), generator=g, dtype=torch.uint8)
        if not linear and r.random() < 0.3:
            steps = torch.randint(-127, 128, (size,), generator=g, dtype=torch.int8)
            scales = torch.rand(-(-size // row) or 1, generator=g) * 1e-3
            sources.append(Source(steps, scales, row, places))
        else:
            moved = base.float() + torch.randn(size, generator=g) * 0.002
            moved[torch.rand(size, generator=g) < 0.1] = -0.0
            sources.append(Source(moved.to(r.choice((dtype, *FLOATS))), places=places))
        weight = r.choice((1.0, 0.4, -0.3, r.uniform(-1, 1)))
        terms.append(Term(weight, keep(r), r.choice((1.0, 2.5, 0.1))))
    elect = not linear and r.random() < 0.5
    program = Program(
        tuple(terms),
        linear,
        elect,
        elect and r.random() < 0.6,
        r.choice((1.0, 3.0, -0.7)),
        r.choice((1.0, 1.3)),
    )
    without = linear and r.random() < 0.3
    out = r.choice(FLOATS)
    start, shift = r.choice(STARTS), r.choice((0, 0, 0, 1, 3))
    return Case(program, None if without else base, tuple(sources), out, size, start, shift)


def keep(r: random.Random) -> Keep:
    """Return any way of keeping; ends of bands among the magnitudes of `case`, or at a bin."""
    key = r.randrange(-(2**63), 2**63)
    low = r.choice((0, NOTHING, 0x3A800000, r.randrange(0x39000000, 0x3B000000)))
    high = r.choice((NOTHING, 0, 0x3B000000, r.randrange(0x3A000000, 0x3C000000)))
    ways: tuple[Keep, ...] = (
        Whole(),
        Band(key, low, high),
        Random(key, r.choice((0, 65536, r.randrange(65537)))),
        Ranked(key, r.randrange(-(2**20), 2**30), r.randrange(-(2**21), 2**21)),
    )
    return r.choice(ways)


def shifted(tensor: Tensor, by: int, on: str) -> Tensor:
    """Return a copy that begins so many entries after an address that is a multiple of 16 bytes."""
    memory = torch.empty(tensor.numel() + by, dtype=tensor.dtype, device=on)
    memory[by:] = tensor
    return memory[by:]


def padding_of(job: Job) -> Tensor:
    """Return what stands in memory beside a job's output."""
    first = job.out.storage_offset()
    memory = torch.empty(0, dtype=job.out.dtype, device=job.out.device)
    memory.set_(job.out.untyped_storage())
    return torch.cat([memory[:first], memory[first + job.out.numel() :]])


def bits(tensor: Tensor) -> Tensor:
    """Return a tensor's bits as integers, on the CPU."""
    return tensor.cpu().view(torch.int32 if tensor.dtype == torch.float32 else torch.int16)


@contextmanager
def quick_interpreter() -> Iterator[None]:
    """Let the interpreter patch the language once a launch, not once a call within it: 3x faster.

    `tl.static_print is print` is what a patched module shows.
    """
    patch = interpreter._patch_lang

    def once(function: Callable[..., object]) -> object:
        seen = [m for m in (tl, tl.core) if any(v is m for v in function.__globals__.values())]
        done = all(m.static_print is print for m in seen)
        return interpreter._LangPatchScope() if done else patch(function)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(interpreter, "_patch_lang", once)
        yield
