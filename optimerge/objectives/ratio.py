"""A mean over tokens that come in clumps (windows, prompts), with its standard error."""

import math
from collections.abc import Sequence


def ratio(totals: Sequence[float], counts: Sequence[int]) -> tuple[float, float | None]:
    """Return sum(totals) / sum(counts) and its standard error over the clumps.

    The delta method's for a ratio of two sums (Cochran 1977, "Sampling Techniques", 6.4): the
    clumps are taken as independent, the tokens within one are not. None for a single clump.

    >>> ratio([2.0, 6.0], [1, 3])
    (2.0, 0.0)
    >>> ratio([1.0, 3.0], [1, 1])
    (2.0, 1.0)
    """
    clumps, whole = len(counts), sum(counts)
    mean = math.fsum(totals) / whole
    if clumps < 2:
        return mean, None
    squares = math.fsum((t - mean * n) ** 2 for t, n in zip(totals, counts, strict=True))
    return mean, math.sqrt(squares * clumps / (clumps - 1)) / whole
