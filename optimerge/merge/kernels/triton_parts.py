"""What the Triton kernels are made of: reading, drawing, keeping, rounding one part of a tensor.

Importing this file imports triton, which reads TRITON_INTERPRET then. Written so that the bytes are
the reference's: bfloat16 as 16-bit words with rounding spelled out, IEEE operations only, and the
launch forbids fused multiply-adds.
"""

import triton
import triton.language as tl

from optimerge.merge.kernels import program, triton_table
from optimerge.merge.selection import splitmix

PART = tl.constexpr(triton_table.PART)
SHIFT = tl.constexpr(program.SHIFT)
GAMMA = tl.constexpr(splitmix.GAMMA)
SHIFT_1 = tl.constexpr(splitmix.ROUNDS[0][0])
FACTOR_1 = tl.constexpr(splitmix.ROUNDS[0][1])
SHIFT_2 = tl.constexpr(splitmix.ROUNDS[1][0])
FACTOR_2 = tl.constexpr(splitmix.ROUNDS[1][1])
SHIFT_3 = tl.constexpr(splitmix.LAST_SHIFT)
TO_DRAW = tl.constexpr(0x8000800080008000)
"""Turns a word of four signed uniforms into four u."""
TO_REST = tl.constexpr(0x7FFF7FFF7FFF7FFF)
"""Turns a word of four signed uniforms into four 65535 - u."""

FLOAT = tl.constexpr(triton_table.FLOAT)
HALF = tl.constexpr(triton_table.HALF)
BRAIN = tl.constexpr(triton_table.BRAIN)
STEPPED = tl.constexpr(triton_table.STEPPED)
PLACE = tl.constexpr(triton_table.PLACE)
WHOLE = tl.constexpr(triton_table.WHOLE)
BAND = tl.constexpr(triton_table.BAND)
RANDOM = tl.constexpr(triton_table.RANDOM)
RANKED = tl.constexpr(triton_table.RANKED)


@triton.jit
def low_half(cell):
    """Return the first of two numbers in a cell."""
    return cell.to(tl.int32)


@triton.jit
def high_half(cell):
    """Return the second of two numbers in a cell."""
    return (cell >> 32).to(tl.int32)


@triton.jit
def as_float(bits):
    """Return the float32 with these bits."""
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def opened(cell, KIND: tl.constexpr, FAST: tl.constexpr):
    """Return the array whose address stands in a cell of the table."""
    address = tl.load(cell)
    if KIND == BRAIN:
        array = address.to(tl.pointer_type(tl.uint16))
    elif KIND == HALF:
        array = address.to(tl.pointer_type(tl.float16))
    elif KIND == FLOAT:
        array = address.to(tl.pointer_type(tl.float32))
    elif KIND == STEPPED:
        array = address.to(tl.pointer_type(tl.int8))
    else:
        array = address.to(tl.pointer_type(tl.uint8))
    if FAST:  # said of the pointer, else every access is one entry wide
        array = tl.multiple_of(array, 16)
    return array


@triton.jit
def read(array, offset, lanes, left, MASKED: tl.constexpr):
    """Return a part's entries."""
    if MASKED:
        return tl.load(array + offset + lanes, mask=lanes < left, other=0)
    return tl.load(array + offset + lanes)


@triton.jit
def widened(values, KIND: tl.constexpr):
    """Return weights, or steps, as float32."""
    if KIND == BRAIN:
        return as_float(values.to(tl.uint32) << 16)
    return values.to(tl.float32)


@triton.jit
def row_scales(scales, row, offset, lanes, left, LONG: tl.constexpr):
    """Return the scale of each entry's row."""
    scales += offset // row
    before = offset % row
    place = before.to(tl.int32) + lanes
    if LONG:  # a part lies in two rows at most
        one = tl.load(scales, mask=left > 0, other=0.0)
        two = tl.load(scales + 1, mask=row - before < min(left, PART), other=0.0)
        return tl.where(place < row, one, two)
    return tl.load(scales + place // row.to(tl.int32), mask=lanes < left, other=0.0)


@triton.jit
def delta(values, b, scales, row, offset, lanes, left, KIND: tl.constexpr, LONG: tl.constexpr):
    """Return a task vector's part."""
    if KIND == STEPPED:
        return widened(values, KIND) * row_scales(scales, row, offset, lanes, left, LONG)
    return widened(values, KIND) - b


@triton.jit
def folded(word, BY: tl.constexpr):
    """Exclusive-or a word with itself shifted right."""
    return word ^ (word >> BY)


@triton.jit
def hashed(counter):
    """Return SplitMix64's words of GAMMA's multiples plus key."""
    word = folded(counter, SHIFT_1) * FACTOR_1
    word = folded(word, SHIFT_2) * FACTOR_2
    return folded(word, SHIFT_3)


@triton.jit
def draws(key, position, lanes, TURN: tl.constexpr, FAST: tl.constexpr):
    """Return the 16 bits drawn for each entry, turned as TURN says, in 0 to 65535."""
    if FAST:  # a part begins with a word, and four entries share one
        counter = tl.arange(0, PART // 4).to(tl.uint64) * GAMMA
        first = (position // 4 + 1).to(tl.uint64) * GAMMA + key.to(tl.uint64)
        word = hashed(counter + first) ^ TURN
        one = word.to(tl.uint16)
        two = (word >> 16).to(tl.uint16)
        three = (word >> 32).to(tl.uint16)
        four = (word >> 48).to(tl.uint16)
        all_four = tl.join(tl.join(one, three), tl.join(two, four))
        return tl.reshape(all_four, (PART,)).to(tl.int32)
    entry = position + lanes
    counter = (entry // 4 + 1).to(tl.uint64) * GAMMA + key.to(tl.uint64)
    word = (hashed(counter) ^ TURN) >> ((entry % 4) * 16).to(tl.uint64)
    return word.to(tl.uint16).to(tl.int32)


@triton.jit
def keeps(d, key, low, high, places, position, lanes, KEEP: tl.constexpr,
          DRAWN: tl.constexpr, CEILED: tl.constexpr, FAST: tl.constexpr):  # fmt: skip
    """Return which entries of a task vector's part are kept; not for WHOLE."""
    if KEEP == BAND:
        code = d.to(tl.int32, bitcast=True) & 0x7FFF0000
        if DRAWN:
            code |= draws(key, position, lanes, TO_REST, FAST)
        kept = code >= low
        if CEILED:
            kept &= code <= high
        return kept
    u = draws(key, position, lanes, TO_DRAW, FAST)
    if KEEP == RANDOM:
        return u < low
    return u < ((low + places.to(tl.int32) * high) >> SHIFT)


@triton.jit
def rounded(y):
    """Return numbers' bits, rounded to bfloat16 (the lower 16 are 0); one NaN for all."""
    bits = y.to(tl.uint32, bitcast=True)
    up = bits + 0x7FFF + ((bits >> 16) & 1)
    return tl.where(y == y, up & 0xFFFF0000, 0x7FC00000)
