"""A table of a task vector's magnitudes, made once: thresholds are looked up, not searched for.

It counts the magnitudes of each bin (the upper 16 bits of a float32: about 1/128 of the number).
Of the bin that holds a threshold a random share is kept, by hash, so that what is kept has the
size asked for (as a mean), is nested in the density and prefers no position.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimerge.merge.kernels.program import BINS, LEVELS, NOTHING

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor

EXPONENT_BITS = 7
"""Mantissa bits that a bin holds; above them stands the exponent."""
UNIT_BITS = 31
"""The largest magnitude has fewer bits than this before the point, in units."""
BIAS = 126


@dataclass(frozen=True)
class Magnitudes:
    """How many entries of one task vector lie in and above each bin that is not empty."""

    bins: "ndarray"
    """Bins with entries, descending; int64."""
    upto: "ndarray"
    """How many entries lie in this bin or a higher one; int64."""

    @property
    def size(self) -> int:
        """Entries of the task vector."""
        return int(self.upto[-1]) if len(self.upto) else 0

    def code(self, keep: int) -> int:
        """Return the `low` of a band that keeps the `keep` largest magnitudes.

        NOTHING for keep <= 0, and 0 (everything) for keep >= size.
        """
        if keep <= 0:
            return NOTHING
        if keep >= self.size:
            return 0
        place = int(self.upto.searchsorted(keep))
        above = int(self.upto[place - 1]) if place else 0
        inside = int(self.upto[place]) - above
        share = round((keep - above) / inside * LEVELS)
        return (int(self.bins[place]) << 16) + LEVELS - share

    @property
    def unit(self) -> int:
        """The power of two in which sums of magnitudes are counted: see `Kernels.norms`."""
        largest = int(self.bins[0]) >> EXPONENT_BITS if len(self.bins) else 0
        return min(127, UNIT_BITS + BIAS - largest)


def magnitudes(counts: "Tensor") -> Magnitudes:
    """Return the table of the counts of all BINS (int64, on the CPU)."""
    import numpy as np

    held = counts.numpy()
    if held.shape != (BINS,):
        raise ValueError(f"counts of {BINS} bins expected, not {held.shape}")
    bins = np.flatnonzero(held)[::-1]
    return Magnitudes(bins.copy(), np.cumsum(held[bins]))
