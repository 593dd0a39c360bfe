"""Programs as the compiled kernels read them: the structs of native/job.h, and how they are filled.

A struct holds addresses: the tensors behind them must outlive the call.
"""

import ctypes
from collections.abc import Sequence
from ctypes import c_double, c_float, c_int32, c_int64, c_uint64, c_void_p
from functools import cache
from typing import TYPE_CHECKING

from optimerge.merge.kernels.program import (
    LEVELS,
    NOTHING,
    SHIFT,
    Band,
    Keep,
    Program,
    Random,
    Ranked,
    Source,
    Term,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TYPES = ("torch.bfloat16", "torch.float16", "torch.float32", "torch.int8")
"""By number, as in native/job.h; torch.uint8, of places, is none of them."""
I8 = 3
FLOATS = range(I8)
WHOLE, BINS, EDGES, RANDOM, RANKED = range(5)
"""Kinds of `Keep`, likewise."""
HALF = LEVELS // 2
LARGEST = (1 << 31) - 1


class CKeep(ctypes.Structure):
    """What of a task vector is kept."""

    _fields_ = [
        ("key", c_uint64),
        ("kind", c_int32),
        ("above", c_int32),
        ("upto", c_int32),
        ("below", c_int32),
        ("start", c_int32),
        ("step", c_int32),
    ]


class CTerm(ctypes.Structure):
    """One model's part in a merge."""

    _fields_ = [
        ("values", c_void_p),
        ("scales", c_void_p),
        ("places", c_void_p),
        ("row", c_int64),
        ("keep", CKeep),
        ("type", c_int32),
        ("weight", c_float),
        ("scale", c_float),
    ]


class CMerge(ctypes.Structure):
    """The merge of one tensor's part."""

    kept: object
    """What the addresses point to, and nothing else keeps."""

    _fields_ = [
        ("base", c_void_p),
        ("out", c_void_p),
        ("terms", c_void_p),
        ("size", c_int64),
        ("start", c_int64),
        ("count", c_int32),
        ("base_type", c_int32),
        ("out_type", c_int32),
        ("linear", c_int32),
        ("elect", c_int32),
        ("normalize", c_int32),
        ("divided", c_int32),
        ("divisor", c_float),
        ("factor", c_float),
    ]


class CMeasure(ctypes.Structure):
    """A task vector's part to be measured."""

    kept: object

    _fields_ = [
        ("base", c_void_p),
        ("term", c_void_p),
        ("size", c_int64),
        ("start", c_int64),
        ("base_type", c_int32),
        ("unit", c_float),
    ]


class CSums(ctypes.Structure):
    """Statistics of one part of PART entries."""

    _fields_ = [("l1", c_double), ("squares", c_double), ("nonzero", c_int64)]


def keep_struct(keep: Keep) -> CKeep:
    """Return what a term keeps, with all ends as inclusive or exclusive as the kernels compare."""
    if isinstance(keep, Band) and (keep.low > 0 or keep.high != NOTHING):
        kind = EDGES if keep.draws else BINS
        upto = LARGEST if keep.high == NOTHING else keep.high - 1
        return CKeep(keep.key, kind, above=max(keep.low, 0) - 1, upto=max(upto, -1))
    if isinstance(keep, Random) and keep.limit < LEVELS:
        return CKeep(keep.key, RANDOM, below=keep.limit - HALF)
    if isinstance(keep, Ranked):
        return CKeep(keep.key, RANKED, start=keep.start - (HALF << SHIFT), step=keep.step)
    return CKeep(kind=WHOLE)


def fill_term(struct: CTerm, term: Term, source: Source, size: int, linear: bool = False) -> None:
    """Fill in a term and the tensors that it reads."""
    struct.type = _type(source.values.dtype)
    struct.values = _address(source.values, size, range(len(TYPES)))
    struct.weight, struct.scale = term.weight, term.scale
    stepped = struct.type == I8
    if stepped != (source.scales is not None) or (stepped and linear):
        raise TypeError("int8 task vectors, and they alone, have scales, and none is averaged")
    if source.scales is not None:
        struct.scales = _address(source.scales, -(-size // source.row), FLOATS[2:])
        struct.row = source.row
    if linear:
        return
    struct.keep = keep_struct(term.keep)
    if struct.keep.kind == RANKED:
        if source.places is None:
            raise TypeError("a term that keeps by rank needs the places of its source")
        struct.places = _address(source.places, size, range(-1, 0))


def merge_struct(
    program: Program,
    base: "Tensor | None",
    sources: Sequence[Source],
    out: "Tensor",
    start: int,
) -> CMerge:
    """Return the merge of a part of a tensor."""
    size = out.numel()
    terms = (CTerm * len(sources))()
    for struct, term, source in zip(terms, program.terms, sources, strict=True):
        fill_term(struct, term, source, size, program.linear)
    job = CMerge(
        out=_address(out, size, FLOATS),
        terms=ctypes.addressof(terms),
        size=size,
        start=start,
        count=len(terms),
        out_type=_type(out.dtype),
        linear=program.linear,
        elect=program.elect,
        normalize=program.normalize,
        divided=program.divisor != 1 and not program.elect,
        divisor=program.divisor,
        factor=program.factor,
    )
    job.kept = terms
    if base is not None:
        job.base, job.base_type = _address(base, size, FLOATS), _type(base.dtype)
    elif not program.linear:
        raise TypeError("a merge of task vectors needs the base")
    return job


def measure_struct(keep: Keep, base: "Tensor", source: Source, unit: int, start: int) -> CMeasure:
    """Return the measurement of a part of a task vector."""
    size = base.numel()
    term = CTerm()
    fill_term(term, Term(1.0, keep), source, size)
    job = CMeasure(
        base=_address(base, size, FLOATS),
        term=ctypes.addressof(term),
        size=size,
        start=start,
        base_type=_type(base.dtype),
        unit=2.0**unit,
    )
    job.kept = term
    return job


@cache
def _type(dtype: "torch.dtype") -> int:
    """Return a dtype's number, -1 for uint8 and -2 for what the kernels do not know."""
    name = str(dtype)
    return TYPES.index(name) if name in TYPES else -1 if name == "torch.uint8" else -2


def _address(values: "Tensor", size: int, types: range) -> int:
    """Return where a tensor's numbers lie, if they lie as the kernels read them."""
    if _type(values.dtype) not in types or values.numel() != size:
        wanted = " or ".join((*TYPES, "torch.uint8")[n] for n in types)
        raise TypeError(
            f"{size} numbers of {wanted} expected, not {values.numel()} of {values.dtype}"
        )
    if not values.is_contiguous() or values.device.type != "cpu":
        raise TypeError("the compiled kernels read contiguous tensors on the CPU")
    return values.data_ptr()
