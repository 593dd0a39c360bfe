"""The fused merge once more, entry by entry in numpy's float32 scalars, from the formulas alone."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from optimerge.merge.kernels.program import Band, Keep, Program, Random, Ranked, Source, Whole

F = np.float32
MASK = 2**64 - 1


def uniform(key: int, index: int) -> int:
    """Return u of an entry: 16 bits of its group's SplitMix64 word, the sign bit turned over."""
    z = (key + (index // 4 + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    z ^= z >> 31
    return (z >> 16 * (index % 4) & 0xFFFF) ^ 0x8000


def kept(keep: Keep, delta: np.float32, place: int, index: int) -> bool:
    match keep:
        case Whole():
            return True
        case Band(key, low, high):
            bits = int(np.abs(delta).view(np.uint32)) & 0x7FFF0000
            return low <= bits + 65535 - uniform(key, index) < high
        case Random(key, limit):
            return uniform(key, index) < limit
        case Ranked(key, start, step):
            return uniform(key, index) < (start + place * step) >> 14


def task_vector(base: np.float32, source: Source, index: int) -> np.float32:
    value = F(float(source.values[index]))
    if source.scales is None:
        return value - base
    return value * F(float(source.scales[index // source.row]))


def entry(
    program: Program, base: np.float32, sources: Sequence[Source], local: int, index: int
) -> np.float32:
    weights = [F(term.weight) for term in program.terms]
    total = F(0)
    if program.linear:
        for weight, source in zip(weights, sources, strict=True):
            total = total + F(float(source.values[local])) * weight
        return total / F(program.divisor)
    thin = []
    for term, weight, source in zip(program.terms, weights, sources, strict=True):
        d = task_vector(base, source, local)
        place = 0 if source.places is None else int(source.places[local])
        d = d if kept(term.keep, d, place, index) else F(0)
        thin.append(d * F(term.scale) * weight)
        total = total + thin[-1]
    if program.elect:
        sign = F(1) if total >= 0 else F(-1)
        total, agreed = F(0), F(0)
        for d, weight in zip(thin, weights, strict=True):
            if d * sign > 0:
                total, agreed = total + d, agreed + weight
        if program.normalize:
            total = total / (agreed if agreed != 0 else F(1))
    else:
        total = total / F(program.divisor)
    return base + total * F(program.factor)


def merge(
    program: Program, base: Tensor, sources: Sequence[Source], dtype: torch.dtype, start: int
) -> Tensor:
    """Return what a kernel should write."""
    with np.errstate(all="ignore"):
        found = [
            entry(program, F(float(b)), sources, local, start + local)
            for local, b in enumerate(base)
        ]
    return torch.tensor(np.array(found, dtype=F)).to(dtype)
