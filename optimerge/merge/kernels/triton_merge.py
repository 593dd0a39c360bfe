"""The Triton kernel that merges: one program a block of one tensor; formulas as in `program`.

A program finds its tensor by `owners` and that tensor's addresses and numbers in its row of
`table` (cells: `triton_table`), all read before the loop over the block's parts. Full parts are
read without masks at addresses known to be multiples of 16 bytes, so that every access is as wide
as the hardware has; only a tensor's last part is masked.
"""

import triton
import triton.language as tl

from optimerge.merge.kernels import program, triton_table
from optimerge.merge.kernels.triton_parts import (
    BRAIN,
    FLOAT,
    HALF,
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
    rounded,
    widened,
)

BLOCK = tl.constexpr(program.BLOCK)
EACH = tl.constexpr(8)
"""Entries of a part that one thread holds: their sums cost no exchange between threads."""
STRIDE = tl.constexpr(1 << 10)
"""Blocks that `totals` adds at a time."""

OUT = tl.constexpr(triton_table.OUT)
BASE = tl.constexpr(triton_table.BASE)
SIZE = tl.constexpr(triton_table.SIZE)
START = tl.constexpr(triton_table.START)
FIRST = tl.constexpr(triton_table.FIRST)
LAST_STEP = tl.constexpr(triton_table.LAST_STEP)
HEAD = tl.constexpr(triton_table.HEAD)
VALUES = tl.constexpr(triton_table.VALUES)
KEY = tl.constexpr(triton_table.KEY)
LIMITS = tl.constexpr(triton_table.LIMITS)
NUMBERS = tl.constexpr(triton_table.NUMBERS)
PLACES = tl.constexpr(triton_table.PLACES)
SCALES = tl.constexpr(triton_table.SCALES)
ROW = tl.constexpr(triton_table.ROW)
TERM = tl.constexpr(triton_table.TERM)


@triton.jit
def elected(taken, m, weights, NORMALIZE: tl.constexpr):
    """Return the mean or sum of what has the sign of `m`."""
    s = tl.where(m >= 0, 1.0, -1.0)
    m = tl.zeros_like(s)
    t = tl.zeros_like(s)
    for i in tl.static_range(len(taken)):
        agrees = taken[i] * s > 0
        m += tl.where(agrees, taken[i], 0.0)
        if NORMALIZE:
            t += tl.where(agrees, weights[i], 0.0)
    if NORMALIZE:
        m = tl.div_rn(m, tl.where(t == 0, 1.0, t))
    return m


@triton.jit
def merge_part(
    arrays, weights, factors, last, keys, lows, highs, places, scales, rows, offset, position,
    left,
    KINDS: tl.constexpr, KEEPS: tl.constexpr, BASE_KIND: tl.constexpr, OUT_KIND: tl.constexpr,
    LINEAR: tl.constexpr, ELECT: tl.constexpr, NORMALIZE: tl.constexpr, STATISTICS: tl.constexpr,
    LONG: tl.constexpr, SCALED: tl.constexpr, DIVIDED: tl.constexpr, FACTORED: tl.constexpr,
    DRAWN: tl.constexpr, CEILED: tl.constexpr, MASKED: tl.constexpr, FAST: tl.constexpr,
):  # fmt: skip
    """Write the merge of one part and return its difference from the base."""
    lanes = tl.arange(0, PART)
    m = tl.zeros((PART,), tl.float32)
    b = m
    if STATISTICS:
        b = widened(read(arrays[1], offset, lanes, left, MASKED), BASE_KIND)
    values = ()  # read first, computed with later: the reads are under way together
    for i in tl.static_range(len(KINDS)):
        values = values + (read(arrays[2 + i], offset, lanes, left, MASKED),)
    taken = ()
    for i in tl.static_range(len(KINDS)):
        if LINEAR:
            m += widened(values[i], KINDS[i]) * weights[i]
        else:
            d = delta(values[i], b, scales[i], rows[i], offset, lanes, left, KINDS[i], LONG)
            if KEEPS[i] != WHOLE:
                place = lanes
                if KEEPS[i] == RANKED:
                    place = read(places[i], offset, lanes, left, MASKED)
                kept = keeps(d, keys[i], lows[i], highs[i], place, position, lanes, KEEPS[i],
                             DRAWN, CEILED, FAST)  # fmt: skip
                d = tl.where(kept, d, 0.0)
            if SCALED:
                d = d * factors[i]
            d = d * weights[i]
            m += d
            taken = taken + (d,)
    if ELECT:
        m = elected(taken, m, weights, NORMALIZE)
    if DIVIDED:
        m = tl.div_rn(m, last[0])
    if FACTORED:
        m = m * last[1]
    y = m
    if not LINEAR:
        y = b + m
    if OUT_KIND == BRAIN:
        bits = rounded(y)
        y = as_float(bits)
        written = (bits >> 16).to(tl.uint16)
    elif OUT_KIND == HALF:
        written = y.to(tl.float16)
        y = written.to(tl.float32)
    else:
        written = y
    if MASKED:
        tl.store(arrays[0] + offset + lanes, written, mask=lanes < left)
        return tl.where(lanes < left, y - b, 0.0)
    tl.store(arrays[0] + offset + lanes, written)
    return y - b


@triton.jit
def merge(
    table, owners, counts, sums,
    KINDS: tl.constexpr, KEEPS: tl.constexpr, BASE_KIND: tl.constexpr, OUT_KIND: tl.constexpr,
    LINEAR: tl.constexpr, ELECT: tl.constexpr, NORMALIZE: tl.constexpr, STATISTICS: tl.constexpr,
    LONG: tl.constexpr, FAST: tl.constexpr, EVEN: tl.constexpr, SCALED: tl.constexpr,
    DIVIDED: tl.constexpr, FACTORED: tl.constexpr, DRAWN: tl.constexpr, CEILED: tl.constexpr,
):  # fmt: skip
    """Merge the blocks of all tensors in the table and write each block's sums."""
    here = tl.program_id(0)
    row = table + tl.load(owners + here).to(tl.int64) * (HEAD + TERM * len(KINDS))
    block = (here - tl.load(row + FIRST)) * BLOCK
    start = tl.load(row + START)
    size = tl.load(row + SIZE)
    last = tl.load(row + LAST_STEP)
    last = (as_float(low_half(last)), as_float(high_half(last)))
    arrays = (opened(row + OUT, OUT_KIND, FAST), opened(row + BASE, BASE_KIND, FAST))
    weights = ()
    factors = ()
    keys = ()
    lows = ()
    highs = ()
    places = ()
    scales = ()
    rows = ()
    for i in tl.static_range(len(KINDS)):
        term = row + HEAD + TERM * i
        arrays = arrays + (opened(term + VALUES, KINDS[i], FAST),)
        numbers = tl.load(term + NUMBERS)
        weights = weights + (as_float(low_half(numbers)),)
        factors = factors + (as_float(high_half(numbers)),)
        limits = tl.load(term + LIMITS)
        lows = lows + (low_half(limits),)
        highs = highs + (high_half(limits),)
        keys = keys + (tl.load(term + KEY),)
        places = places + (opened(term + PLACES, PLACE, FAST),)
        scales = scales + (opened(term + SCALES, FLOAT, False),)
        rows = rows + (tl.load(term + ROW),)
    count = tl.zeros((PART // EACH,), tl.int32)
    total = tl.zeros((PART // EACH,), tl.float32)
    squares = tl.zeros((PART // EACH,), tl.float32)
    for part in range(tl.cdiv(min(size - block, BLOCK), PART)):
        offset = block + part * PART
        position = start + offset
        left = size - offset
        if EVEN or (FAST and left >= PART):
            difference = merge_part(
                arrays, weights, factors, last, keys, lows, highs, places, scales, rows, offset,
                position, left, KINDS, KEEPS, BASE_KIND, OUT_KIND, LINEAR, ELECT, NORMALIZE,
                STATISTICS, LONG, SCALED, DIVIDED, FACTORED, DRAWN, CEILED, False, True,
            )  # fmt: skip
        else:
            difference = merge_part(
                arrays, weights, factors, last, keys, lows, highs, places, scales, rows, offset,
                position, left, KINDS, KEEPS, BASE_KIND, OUT_KIND, LINEAR, ELECT, NORMALIZE,
                STATISTICS, LONG, SCALED, DIVIDED, FACTORED, DRAWN, CEILED, True, FAST,
            )  # fmt: skip
        if STATISTICS:
            difference = tl.reshape(difference, (PART // EACH, EACH))
            count += tl.sum((difference != 0).to(tl.int32), axis=1)
            total += tl.sum(tl.abs(difference), axis=1)
            squares += tl.sum(difference * difference, axis=1)
    if STATISTICS:
        tl.store(counts + here, tl.sum(count))
        tl.store(sums + 2 * here, tl.sum(total))
        tl.store(sums + 2 * here + 1, tl.sum(squares))


@triton.jit
def totals(blocks, counts, sums, found):
    """Add up a tensor's blocks, always in the same order: non-zeros, L1 and squares in float64.

    `blocks` holds each tensor's first block and, at the end, their number. Grid: the tensors.
    """
    here = tl.program_id(0)
    first = tl.load(blocks + here)
    end = tl.load(blocks + here + 1)
    lanes = tl.arange(0, STRIDE)
    count = tl.zeros((STRIDE,), tl.int64)
    total = tl.zeros((STRIDE,), tl.float64)
    squares = tl.zeros((STRIDE,), tl.float64)
    for at in range(first, end, STRIDE):
        block = at + lanes
        inside = block < end
        count += tl.load(counts + block, mask=inside, other=0).to(tl.int64)
        total += tl.load(sums + 2 * block, mask=inside, other=0.0).to(tl.float64)
        squares += tl.load(sums + 2 * block + 1, mask=inside, other=0.0).to(tl.float64)
    tl.store(found + 3 * here, tl.sum(count).to(tl.float64))
    tl.store(found + 3 * here + 1, tl.sum(total))
    tl.store(found + 3 * here + 2, tl.sum(squares))
