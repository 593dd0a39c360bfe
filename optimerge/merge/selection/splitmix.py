"""SplitMix64 in counter mode: random numbers that are a function of a key and a position.

word(j) = mix(key + (j + 1) * GAMMA) in 64-bit wrap-around arithmetic; a word gives four signed
16-bit uniforms, lowest bits first. In torch: int64 with logical shifts made of shift and mask,
so CPU and GPU give the same bits.

Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
https://doi.org/10.1145/2660193.2660195
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, device

PER_WORD = 4
GAMMA = 0x9E3779B97F4A7C15
ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = 31


def as_signed(word: int) -> int:
    """Return the signed 64-bit integer with the bits of an unsigned one."""
    word &= (1 << 64) - 1
    return word - (1 << 64) if word >> 63 else word


@cache
def integer(word: int) -> "Tensor":
    """Return a number of 64 bits as torch takes it fastest; on the CPU, for any device."""
    import torch

    return torch.tensor(as_signed(word))


def words(key: int, first: int, count: int, on: "device | str" = "cpu") -> "Tensor":
    """Return the int64 words `first` to `first + count - 1` under a key."""
    import torch

    return _hashed(torch.arange(first + 1, first + count + 1, dtype=torch.int64, device=on), key)


def uniforms(key: int, first: int, count: int, on: "device | str" = "cpu") -> "Tensor":
    """Return the int16 uniforms of the entries `first` to `first + count - 1` of a tensor."""
    import torch

    start = first // PER_WORD
    stop = -(-(first + count) // PER_WORD)
    skipped = first - start * PER_WORD
    return words(key, start, stop - start, on).view(torch.int16)[skipped : skipped + count]


def uniforms_at(key: int, positions: "Tensor") -> "Tensor":
    """Return the uniforms (as int64) of the entries at these flat positions of a tensor."""
    word = _hashed(positions // PER_WORD + 1, key)
    lane = positions % PER_WORD
    return (word << (48 - 16 * lane)) >> 48


class Stream:
    """The uniforms of runs of entries, in memory made once for up to `capacity` of them."""

    def __init__(self, capacity: int, on: "device | str" = "cpu") -> None:
        import torch

        self._capacity = capacity // PER_WORD + 2  # a run may begin and end within a word
        self._steps = torch.arange(1, self._capacity + 1, dtype=torch.int64, device=on)
        self._steps.mul_(as_signed(GAMMA))
        self._memory = torch.empty(0, dtype=torch.int64, device=on)
        self._views: tuple[tuple[int, int, int], list[Tensor]] = ((0, 0, 0), [])

    def draws(self, keys: Sequence[int]) -> "Callable[[int, int], Tensor]":
        """Return a function of the first entry and their number: the uniforms under these keys.

        A row for each key, int16, to be used until the next call of any such function.
        """
        import torch

        column = self._steps.new_tensor([[as_signed(key)] for key in keys])

        def draw(first: int, count: int) -> "Tensor":
            steps, word, spare, found = self._pieces(len(keys), first % PER_WORD, count)
            start = column + as_signed(first // PER_WORD * GAMMA) if first else column
            _mixed(torch.add(steps, start, out=word), spare)
            return found

        return draw

    def _pieces(self, keys: int, skipped: int, count: int) -> "list[Tensor]":
        """Return steps, words, spare memory and the words' uniforms but those skipped."""
        import torch

        if self._views[0] != (keys, skipped, count):
            size = -(-(skipped + count) // PER_WORD)
            if self._memory.numel() < 2 * keys * self._capacity:
                self._memory = self._steps.new_empty(2 * keys * self._capacity)
            word, spare = self._memory[: 2 * keys * size].view(2, keys, size)
            found = word.view(torch.int16)[:, skipped : skipped + count]
            self._views = (keys, skipped, count), [self._steps[:size], word, spare, found]
        return self._views[1]


def _hashed(counter: "Tensor", key: int) -> "Tensor":
    """Turn counters (from 1) into words, in place."""
    word = counter.mul_(as_signed(GAMMA)).add_(key)
    return _mixed(word, word.new_empty(word.shape))


def _mixed(word: "Tensor", spare: "Tensor") -> "Tensor":
    """Mix the bits of words in place, with spare memory of their size."""
    for shift, factor in ROUNDS:
        _mix(word, shift, spare).mul_(integer(factor))
    return _mix(word, LAST_SHIFT, spare)


def _mix(word: "Tensor", shift: int, spare: "Tensor") -> "Tensor":
    """Exclusive-or a word, in place, with itself shifted right, filling up with zeros."""
    import torch

    torch.bitwise_right_shift(word, integer(shift), out=spare)
    return word.bitwise_xor_(spare.bitwise_and_(integer((1 << (64 - shift)) - 1)))
