"""Selection by Fisher information: evaluate the candidates about which least is known."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEAST = 1e-12
"""A variance below this, in units of the observed variance, is rounding."""


def information(variances: Array) -> Array:
    """Return the Fisher information [n] of the predictions: the sum over objectives of 1/variance.

    variances [n, m] in units of each objective's own variance. It is what one draw from each
    surrogate's prediction tells about its mean.
    """
    return np.asarray((1.0 / np.maximum(variances, _LEAST)).sum(axis=1))


def least_known(variances: Array, count: int) -> NDArray[np.intp]:
    """Return the `count` rows of smallest information, smallest first, each judged alone.

    As released. Two near copies of one unknown point are both taken.
    """
    return np.argsort(information(variances), kind="stable")[:count]


def least_known_together(
    candidates: Array, variances_given: Callable[[Array, Array], Array], count: int
) -> NDArray[np.intp]:
    """Return `count` rows, each the least known once those before it are evaluated.

    `variances_given(candidates, taken)` is what the surrogates' variances [n, m] of candidates
    would be with the taken ones evaluated; of a Gaussian process it does not depend on the values.
    Near copies so drop out after the first.
    """
    taken: list[int] = []
    while len(taken) < min(count, len(candidates)):
        known = information(variances_given(candidates, candidates[taken]))
        known[taken] = np.inf
        taken.append(int(np.argmin(known)))
    return np.array(taken, dtype=np.intp)
