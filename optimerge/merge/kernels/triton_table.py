"""What the Triton kernels are told of each tensor: one row of 64-bit integers, made on the host.

A row is HEAD cells of the tensor and TERM cells of each term. Addresses stand as they are; pairs of
32-bit numbers (floats as their bits) share a cell, the first in the lower half.

Tensors of equal `Structure` go into one launch; its flags are what any of them needs, since what
one does not need (a scale of 1, draws at whole bins) changes nothing in it.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from optimerge.merge.kernels.many import Job
from optimerge.merge.kernels.program import (
    NOTHING,
    Band,
    Keep,
    Program,
    Random,
    Ranked,
    Source,
    Whole,
)
from optimerge.merge.selection.splitmix import PER_WORD

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor, dtype

FLOAT, HALF, BRAIN, STEPPED, PLACE = range(5)
"""Kinds of arrays: float32, float16, bfloat16, int8 steps, uint8 places."""
WHOLE, BAND, RANDOM, RANKED = range(4)
"""What a term keeps."""
KEEPS = {Whole: WHOLE, Band: BAND, Random: RANDOM, Ranked: RANKED}
OUT, BASE, SIZE, START, FIRST, LAST_STEP, HEAD = range(7)
"""Cells of a tensor. FIRST: its first block in the launch; LAST_STEP: divisor and factor."""
VALUES, KEY, LIMITS, NUMBERS, PLACES, SCALES, ROW, TERM = range(8)
"""Cells of a term. LIMITS: low and last code, limit, or start and step; NUMBERS: weight, scale."""
ALIGNED = 16
"""Bytes that one thread reads at a time."""
PART = 1 << 10
"""Entries that a program works on at a time."""


class Structure(NamedTuple):
    """What makes two tensors' merges the same code."""

    kinds: tuple[int, ...]
    keeps: tuple[int, ...]
    base: int
    out: int
    linear: bool
    elect: bool
    normalize: bool
    statistics: bool
    long: bool
    """Rows of int8 sources are no shorter than a part."""
    fast: bool
    """Arrays are aligned and the first entry begins a word of draws."""
    even: bool
    """And no part is shorter than others: nothing is masked."""


def structure(job: Job) -> Structure:
    """Return the structure of a job; TypeError for what the kernels cannot read."""
    program, sources, base = job.program, job.sources, job.base
    if len(sources) != len(program.terms):
        raise ValueError(f"{len(program.terms)} terms and {len(sources)} sources")
    kind = _kinds()
    addresses = job.out.data_ptr() | (0 if base is None else base.data_ptr())
    long = True
    for source in sources:
        addresses |= source.values.data_ptr()
        if source.places is not None:
            addresses |= source.places.data_ptr()
        if source.scales is not None and source.row < PART:
            long = False
    fast = addresses % ALIGNED == 0 and job.start % PER_WORD == 0
    try:
        return Structure(
            tuple([kind[source.values.dtype] for source in sources]),
            (WHOLE,) * len(sources) if program.linear else _keeps(program, sources),
            FLOAT if base is None else kind[base.dtype],
            kind[job.out.dtype],
            program.linear,
            program.elect,
            program.normalize,
            base is not None,
            long,
            fast,
            fast and job.out.numel() % PART == 0,
        )
    except KeyError as unknown:
        raise TypeError(f"the Triton kernels cannot read {unknown}") from unknown


def flags(jobs: Sequence[Job]) -> dict[str, bool]:
    """Return what any of the jobs needs beside their structure."""
    programs = [job.program for job in jobs]
    bands = [t.keep for p in programs for t in p.terms if isinstance(t.keep, Band)]
    return {
        "SCALED": any(t.scale != 1 for p in programs for t in p.terms),
        "DIVIDED": any(p.divisor != 1 and not p.elect for p in programs),
        "FACTORED": any(p.factor != 1 and not p.linear for p in programs),
        "DRAWN": any(band.draws for band in bands),
        "CEILED": any(band.high != NOTHING for band in bands),
    }


def table(jobs: Sequence[Job], firsts: "ndarray") -> "ndarray":
    """Return the rows of jobs of one structure; int64."""
    import numpy as np

    count = len(jobs[0].sources)
    rows = np.zeros((len(jobs), HEAD + TERM * count), dtype=np.int64)
    rows[:, OUT] = [job.out.data_ptr() for job in jobs]
    rows[:, BASE] = [0 if job.base is None else job.base.data_ptr() for job in jobs]
    rows[:, SIZE] = [job.out.numel() for job in jobs]
    rows[:, START] = [job.start for job in jobs]
    rows[:, FIRST] = firsts
    divisors = [1.0 if job.program.elect else job.program.divisor for job in jobs]
    rows[:, LAST_STEP] = _pairs(_bits(divisors), _bits([job.program.factor for job in jobs]))
    cells = np.zeros((len(jobs) * count, TERM), dtype=np.int64)
    source_cells(cells, [source for job in jobs for source in job.sources])
    terms = [term for job in jobs for term in job.program.terms]
    keep_cells(cells, [term.keep for term in terms])
    cells[:, NUMBERS] = _pairs(_bits([t.weight for t in terms]), _bits([t.scale for t in terms]))
    rows[:, HEAD:] = cells.reshape(len(jobs), count * TERM)
    return rows


def source_cells(cells: "ndarray", sources: Sequence[Source]) -> None:
    """Fill in, term by term, where the sources are."""
    cells[:, VALUES] = [source.values.data_ptr() for source in sources]
    cells[:, PLACES] = [_address(source.places) for source in sources]
    cells[:, SCALES] = [_address(source.scales) for source in sources]
    cells[:, ROW] = [source.row for source in sources]


def keep_cells(cells: "ndarray", keeps: Sequence[Keep]) -> None:
    """Fill in, term by term, what is kept."""
    import numpy as np

    cells[:, KEY] = [0 if isinstance(keep, Whole) else keep.key for keep in keeps]
    limits = np.array([_limits(keep) for keep in keeps], dtype=np.int64).reshape(-1, 2)
    cells[:, LIMITS] = _pairs(limits[:, 0], limits[:, 1])


def _limits(keep: Keep) -> tuple[int, int]:
    if isinstance(keep, Band):
        return keep.low, NOTHING if keep.high == NOTHING else keep.high - 1
    if isinstance(keep, Random):
        return keep.limit, 0
    return (keep.start, keep.step) if isinstance(keep, Ranked) else (0, 0)


def _bits(numbers: Sequence[float]) -> "ndarray":
    import numpy as np

    return np.array(numbers, dtype=np.float32).view(np.int32).astype(np.int64)


def _pairs(first: "ndarray", second: "ndarray") -> "ndarray":
    packed: ndarray = (first & 0xFFFFFFFF) | (second << 32)
    return packed


def _address(tensor: "Tensor | None") -> int:
    return 0 if tensor is None else tensor.data_ptr()


@cache
def _kinds() -> "dict[dtype, int]":
    import torch

    return {
        torch.float32: FLOAT,
        torch.float16: HALF,
        torch.bfloat16: BRAIN,
        torch.int8: STEPPED,
    }


def _keeps(program: Program, sources: Sequence[Source]) -> tuple[int, ...]:
    keeps = tuple([KEEPS[type(term.keep)] for term in program.terms])
    if RANKED in keeps:
        for keep, source in zip(keeps, sources, strict=True):
            if keep == RANKED and source.places is None:
                raise TypeError("a term that keeps by rank needs the places of its source")
    return keeps
