"""What the score on all items is likely to be, from the first items: for the surrogate."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class PartialEstimate:
    """A mean over some items as an estimate of the mean over all."""

    value: float
    stderr: float
    """Of `value` as an estimate of the mean over all items; 0 if all are scored."""
    items: int
    of: int


def partial_estimate(
    values: ArrayLike, of: int, bounds: tuple[float, float] | None = None
) -> PartialEstimate:
    """Estimate the mean over `of` items from the values of a random part of them.

    The standard error is that of a sample without replacement, s √((1 - m/n) / m) (Cochran 1977,
    "Sampling techniques", 2.5). With bounds, s is computed with one more item at each bound:
    twenty wrong answers in a row leave some doubt, and a surrogate must not be told that there is
    none (Agresti and Coull 1998). In a stopped candidate the mean is a little worse than the truth,
    because bad luck stops earlier than good luck; that is left as it is.

    Args:
        values: Per-item values [m], losses or not, in the units of the score.
        of: Items n in all, at least m.
        bounds: The lowest and highest value that an item can have.

    Raises:
        ValueError: If there is no value, more values than items, or one that is not finite; if
            there is one value of many and no bounds.

    >>> partial_estimate([1, 0, 1, 1], of=400, bounds=(0, 1))
    PartialEstimate(value=0.75, stderr=0.2569046515733026, items=4, of=400)
    """
    part = np.asarray(values, dtype=np.float64)
    size = part.size
    if part.ndim != 1 or not 0 < size <= of or not np.isfinite(part).all():
        raise ValueError(f"between 1 and {of} finite values are needed, not {part.shape}")
    mean = float(part.mean())
    if size == of:
        return PartialEstimate(mean, 0.0, size, of)
    spread = part if bounds is None else np.append(part, bounds)
    if spread.size < 2:
        raise ValueError("one value alone says nothing of its error: give bounds")
    variance = float(spread.var(ddof=1))
    return PartialEstimate(mean, math.sqrt(variance * (1 - size / of) / size), size, of)
