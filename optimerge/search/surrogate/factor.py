"""The Cholesky factor of a covariance that is one but for rounding."""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky

from optimerge.search.surrogate.kernel import JITTER

Array = NDArray[np.float64]

_STEPS = 6
"""How often what is added grows tenfold, before as much as the signal is tried at last."""


def lower_factor(covariance: Array, signal: float, noise: Array | float = 0.0) -> Array:
    """Return the lower factor [n, n] of a covariance [n, n] with noise variances [n] on it.

    To the diagonal as little is added as it needs: `JITTER` of the signal's variance, or ten times
    as much, and so on. Points that are equal or near have rows that are equal but for rounding,
    which grows with the largest entry: that of the main effects may be far above the signal.

    Args:
        covariance: Without noise.
        signal: Variance of the signal: the unit of what is added.
        noise: Of each observation, or of all.

    Raises:
        LinAlgError: If it has no factor even with the signal's whole variance added.
        ValueError: If not all numbers are finite.
    """
    for added in (*(JITTER * signal * 10.0**power for power in range(_STEPS)), signal):
        diagonal = np.broadcast_to(noise + added, len(covariance))
        with suppress(np.linalg.LinAlgError):
            return np.asarray(cholesky(covariance + np.diag(diagonal), lower=True))
    raise np.linalg.LinAlgError(
        f"the covariance of {len(covariance)} points has no Cholesky factor, not even with "
        f"{signal:g} added to its diagonal"
    )
