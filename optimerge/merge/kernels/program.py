"""What a fused kernel computes for one tensor, entry by entry, in a fixed order of float32 steps.

Every back end (torch, compiled, Triton) follows this to the letter, without fused multiply-adds
and with IEEE division, so that all give the same bytes. For an entry with flat index j:

    task vectors   b = float32(base[j]);  d_i = float32(x_i[j]) - b
                   (a source in int8 steps: d_i = float32(q_i[j]) * scale of its row)
                   k_i = d_i if kept else +0;  D_i = (k_i * scale_i) * weight_i
      elect        S = ((0 + D_1) + D_2) + ...;  s = 1 if S >= 0 else -1
                   D_i = D_i if D_i * s > 0 else +0;  a_i = weight_i if D_i * s > 0 else +0
      sum          m = ((0 + D_1) + D_2) + ...
      normalize    with elect: t = ((0 + a_1) + a_2) + ..., m = m / (1 if t == 0 else t);
                   without: m = m / divisor
                   y = b + m * factor
    linear         m = ((0 + x_1 * weight_1) + x_2 * weight_2) + ...;  y = m / divisor

    out[j] = y rounded to the dtype of the output, to nearest, ties to even.

Weights, scales, divisor and factor are float32 numbers; the last two are 1 where the method has
none (a division by 1 changes nothing). What is kept (u is the entry's uniform number under the
term's key, 0 to 65535: `selection.splitmix` gives it as the signed u - 32768):

    Whole      everything
    Band       low <= code < high, code = (bits(|d|) & 0x7fff0000) + (65535 - u), bits: of float32
    Random     u < limit
    Ranked     u < (start + place * step) >> SHIFT, place: the entry's rank in its row, 0 to 255

So a band takes the largest bins of magnitude, and of the bin at each of its ends a random share;
what is kept is nested in the density. Index j counts in the whole tensor, whatever part of it a
kernel is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from optimerge.merge.change import Change

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 1 << 16
"""Values of a uniform number."""
BINS = 1 << 15
"""Bins of magnitude: the upper 16 bits of a float32, less the sign."""
STEPS = 1 << 12
"""How finely the probability of `Random` is resolved, and that of a `Ranked` term's place 0."""
SHIFT = 14
"""Fraction bits of `Ranked`."""
STRIDE = (LEVELS << SHIFT) // STEPS
"""One of the STEPS as the `start` of `Ranked`; `LEVELS // STEPS` is one as a `limit`."""
BLOCK = 1 << 12
"""Entries: arenas pad every tensor to a multiple of it, and sums of statistics start anew."""
NOTHING = (BINS << 16) - 1
"""A `low` that no code reaches."""


@dataclass(frozen=True)
class Whole:
    """Keep everything."""


@dataclass(frozen=True)
class Band:
    """Keep what lies between two magnitudes."""

    key: int
    """Of the draws at the ends; signed 64-bit."""
    low: int
    high: int = NOTHING

    @property
    def draws(self) -> bool:
        """Whether an end lies within a bin; if not, the draws decide nothing."""
        return bool(self.low % LEVELS or (self.high % LEVELS and self.high != NOTHING))


@dataclass(frozen=True)
class Random:
    """Keep each entry with the same probability, limit / 65536."""

    key: int
    limit: int
    """0 to 65536."""


@dataclass(frozen=True)
class Ranked:
    """Keep an entry with a probability that grows with its place in its row."""

    key: int
    start: int
    """0 to LEVELS << SHIFT; a multiple of STRIDE where `Kernels.shares` is to know its sum."""
    step: int
    """0 to (LEVELS << SHIFT) / 255."""


Keep = Whole | Band | Random | Ranked


@dataclass(frozen=True)
class Term:
    """One model's part in the merge."""

    weight: float
    keep: Keep = Whole()
    scale: float = 1.0


@dataclass(frozen=True)
class Program:
    """The merge of one tensor."""

    terms: tuple[Term, ...]
    linear: bool = False
    """Average of models; there is no base."""
    elect: bool = False
    normalize: bool = False
    """With `elect`: divide each entry by the weights of those that agree."""
    divisor: float = 1.0
    factor: float = 1.0


@dataclass(frozen=True)
class Source:
    """One model's tensor as a kernel reads it: flat, contiguous, all of one length."""

    values: "Tensor"
    """bfloat16, float16 or float32 weights; or int8: the task vector in steps."""
    scales: "Tensor | None" = None
    """With int8: the step of each row, float32."""
    row: int = 1
    """With int8: entries a row. A part of a tensor begins at a row."""
    places: "Tensor | None" = None
    """uint8, one an entry; for `Ranked`."""


class Kernels(Protocol):
    """One back end. Tensors are flat and contiguous, on its device; `start` is their first index.

    `base` is the dtype of its model, and may be None for a linear program without statistics.
    """

    def merge(
        self,
        program: Program,
        base: "Tensor | None",
        sources: Sequence[Source],
        out: "Tensor",
        start: int = 0,
    ) -> Change | None:
        """Write the merge to `out`; return how it differs from `base`, None without one.

        Entries that differ are counted exactly; the sums of |out - base| and its square are taken
        in float32 over a block or less and in float64 over blocks: within 1e-6 of the true ones.
        A NaN or infinite result makes the sums not finite.
        """
        ...

    def norms(
        self, keep: Keep, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> tuple[int, int]:
        """Return the sum of |d| before and after thinning, in whole units: trunc(|d| * 2**unit).

        Integers, so that no order of summation changes them.
        """
        ...

    def magnitudes(self, base: "Tensor", source: Source) -> "Tensor":
        """Return how many |d| fall into each of the BINS; int64, on the CPU."""
        ...

    def shares(
        self, key: int, base: "Tensor", source: Source, unit: int, start: int = 0, step: int = 0
    ) -> "Tensor":
        """Return, for each n from 0 to STEPS, the sum of trunc(|d| * 2**unit) of some entries.

        They are those that `Ranked(key, n * STRIDE, step)` keeps and, for n > 0, n - 1 does not:
        since it keeps what has v = ((u + 1) << SHIFT) - place * step <= n * STRIDE, those where n
        is max(0, ceil(v / STRIDE)). With a step of 0, which needs no places, that is what
        `Random(key, n * LEVELS / STEPS)` keeps. int64, on the CPU.
        """
        ...

    def places(self, delta: "Tensor") -> "Tensor":
        """Return the places of a task vector (float32, in its tensor's shape): see `places`."""
        ...
