"""The Triton kernel behind `Kernels.norms`: sums of whole units, so in any order the same."""

import triton
import triton.language as tl

from optimerge.merge.kernels.triton_merge import (
    BASE,
    BLOCK,
    EACH,
    FIRST,
    HEAD,
    KEY,
    LIMITS,
    NUMBERS,
    PLACES,
    ROW,
    SCALES,
    SIZE,
    START,
    TERM,
    VALUES,
)
from optimerge.merge.kernels.triton_parts import (
    FLOAT,
    PART,
    PLACE,
    RANKED,
    WHOLE,
    as_float,
    delta,
    high_half,
    keeps,
    low_half,
    opened,
    read,
    widened,
)


@triton.jit
def norms_part(
    base, values, places, scales, width, key, low, high, unit, offset, position, left,
    KIND: tl.constexpr, KEEP: tl.constexpr, BASE_KIND: tl.constexpr, LONG: tl.constexpr,
    DRAWN: tl.constexpr, CEILED: tl.constexpr, MASKED: tl.constexpr, FAST: tl.constexpr,
):  # fmt: skip
    """Return each entry's units before and after thinning."""
    lanes = tl.arange(0, PART)
    b = widened(read(base, offset, lanes, left, MASKED), BASE_KIND)
    x = read(values, offset, lanes, left, MASKED)
    d = delta(x, b, scales, width, offset, lanes, left, KIND, LONG)
    before = (tl.abs(d) * unit).to(tl.int64)
    if MASKED:
        before = tl.where(lanes < left, before, 0)
    after = before
    if KEEP != WHOLE:
        place = lanes
        if KEEP == RANKED:
            place = read(places, offset, lanes, left, MASKED)
        kept = keeps(d, key, low, high, place, position, lanes, KEEP, DRAWN, CEILED, FAST)
        after = tl.where(kept, before, 0)
    return before, after


@triton.jit
def norms(
    table, owners, sums,
    KIND: tl.constexpr, KEEP: tl.constexpr, BASE_KIND: tl.constexpr, LONG: tl.constexpr,
    FAST: tl.constexpr, EVEN: tl.constexpr, DRAWN: tl.constexpr, CEILED: tl.constexpr,
):  # fmt: skip
    """Write, for each block, the units of |d| before and after thinning; int64."""
    here = tl.program_id(0)
    row = table + tl.load(owners + here).to(tl.int64) * (HEAD + TERM)
    term = row + HEAD
    block = (here - tl.load(row + FIRST)) * BLOCK
    start = tl.load(row + START)
    size = tl.load(row + SIZE)
    base = opened(row + BASE, BASE_KIND, FAST)
    values = opened(term + VALUES, KIND, FAST)
    places = opened(term + PLACES, PLACE, FAST)
    scales = opened(term + SCALES, FLOAT, False)
    width = tl.load(term + ROW)
    key = tl.load(term + KEY)
    limits = tl.load(term + LIMITS)
    low = low_half(limits)
    high = high_half(limits)
    unit = as_float(low_half(tl.load(term + NUMBERS)))
    total = tl.zeros((PART // EACH,), tl.int64)
    kept = tl.zeros((PART // EACH,), tl.int64)
    for part in range(tl.cdiv(min(size - block, BLOCK), PART)):
        offset = block + part * PART
        position = start + offset
        left = size - offset
        if EVEN or (FAST and left >= PART):
            before, after = norms_part(
                base, values, places, scales, width, key, low, high, unit, offset, position,
                left, KIND, KEEP, BASE_KIND, LONG, DRAWN, CEILED, False, True,
            )  # fmt: skip
        else:
            before, after = norms_part(
                base, values, places, scales, width, key, low, high, unit, offset, position,
                left, KIND, KEEP, BASE_KIND, LONG, DRAWN, CEILED, True, FAST,
            )  # fmt: skip
        total += tl.sum(tl.reshape(before, (PART // EACH, EACH)), axis=1)
        kept += tl.sum(tl.reshape(after, (PART // EACH, EACH)), axis=1)
    tl.store(sums + 2 * here, tl.sum(total))
    tl.store(sums + 2 * here + 1, tl.sum(kept))
