"""Hypervolumes with intervals: how much the front is worth, and how sure that is."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.front.dominance import complete
from optimerge.front.hypervolume import hypervolume
from optimerge.retest.beats import Estimate
from optimerge.retest.sample import Sample

Array = NDArray[np.float64]

DRAWS = 500
"""Of the bootstrap: a hypervolume of many points in four objectives takes milliseconds."""


def volume(
    sample: Sample, models: Sequence[int], reference: ArrayLike, scales: ArrayLike
) -> Estimate | None:
    """Return the hypervolume of some models' scores, in units of the parents' range.

    The interval is the bias-corrected percentile one (Efron 1987, BCa without its acceleration):
    the hypervolume of noisy scores is above that of the true ones, because each point that luck
    has pushed out adds volume and none takes any away; the draws are once more above what they are
    drawn from, by about as much, and the interval is moved down by twice that. The value itself is
    what the scores come to, and so it may lie near the interval's upper end.

    It is not enough where many models are nearly equal and documents are few. Simulated: five
    models, 100 documents a task: the interval held the truth in 97 % of 200 studies (without the
    correction in 96 %); twelve models within noise of each other, 80 documents: in 68 % of 60
    (without it in 35 %), and where it missed it was too high.

    None if no model has a score on every objective.
    """
    unit = np.asarray(scales, dtype=np.float64)
    corner = np.asarray(reference, dtype=np.float64) / unit
    losses = sample.losses[list(models)] / unit
    whole = complete(losses)
    if not whole.any():
        return None
    drawn = (
        sample.drawn[: sample.optimised, np.asarray(models)[whole], :DRAWS] / unit[:, None, None]
    )
    value = hypervolume(losses[whole], corner)
    found = np.array([hypervolume(points.T, corner) for points in np.moveaxis(drawn, 2, 0)])
    low, high = bias_corrected(found, value)
    return Estimate(value, float(found.std(ddof=1)), low, high)


def bias_corrected(drawn: Array, value: float, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the bias-corrected percentile interval of draws about a value.

    Where the value lies outside all draws, the correction is that of half a draw beyond them.

    >>> drawn = np.arange(1001) / 1000
    >>> bias_corrected(drawn, 0.5)
    (0.025, 0.975)
    """
    normal = NormalDist()
    below = (float((drawn < value).sum()) + 0.5 * float((drawn == value).sum())) / len(drawn)
    below = min(max(below, 0.5 / len(drawn)), 1 - 0.5 / len(drawn))
    shift, reach = 2 * normal.inv_cdf(below), normal.inv_cdf((1 + level) / 2)
    ends = [normal.cdf(shift - reach), normal.cdf(shift + reach)]
    low, high = np.quantile(drawn, ends)
    return round(float(low), 12), round(float(high), 12)
