"""The reference point and the scales of a study, from the parents' losses; fixed once.

They are made when the parents are scored, before anything else is, and kept in the study, so that
every hypervolume, plot and pick of a run is measured from the same corner and in the same units.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.errors import RunError
from optimerge.front.dominance import as_losses

MARGIN = 0.1
"""How far beyond the worst parent the reference lies, as a share of the parents' range."""

_SAME = 1e-9
"""Parents whose losses differ by less, relative to their size, count as equal: it is rounding."""


def reference_point(parent_losses: ArrayLike) -> NDArray[np.float64]:
    """Return the corner [m]: the worst parent's loss per objective, and a tenth of the scale.

    The margin lets the worst parent itself count: at the corner it would dominate no volume
    (Ishibuchi, Imada, Setoguchi and Nojima 2018, "How to specify a reference point in hypervolume
    calculation for fair performance comparison"). Rows that are not finite are ignored.

    Raises:
        RunError: If no parent has been scored on every objective.

    Complexity: O(n m).

    >>> reference_point([[-0.5, 0.0], [-0.25, 1.0]])
    array([-0.225,  1.1  ])
    """
    parents = _scored(parent_losses)
    return np.asarray(parents.max(axis=0) + MARGIN * scales(parents), dtype=np.float64)


def scales(parent_losses: ArrayLike) -> NDArray[np.float64]:
    """Return the unit [m] of each objective: the parents' range; always positive.

    Where the parents do not differ (or there is one) the unit is the size of their loss, and 1 if
    that is zero: an objective keeps a unit of its own order, and a larger unit of measurement
    changes nothing. Rows that are not finite are ignored.

    Raises:
        RunError: If no parent has been scored on every objective.

    Complexity: O(n m).

    >>> scales([[-0.5, 0.0, 2.0, 0.0], [-0.25, 1.0, 2.0, 0.0]])
    array([0.25, 1.  , 2.  , 1.  ])
    """
    parents = _scored(parent_losses)
    span, size = np.ptp(parents, axis=0), np.abs(parents).max(axis=0)
    fallback = np.where(size > 0, size, 1.0)
    return np.asarray(np.where(span > _SAME * size, span, fallback), dtype=np.float64)


def _scored(parent_losses: ArrayLike) -> NDArray[np.float64]:
    parents = as_losses(parent_losses)
    parents = parents[np.isfinite(parents).all(axis=1)]
    if len(parents) == 0:
        raise RunError(
            "no parent (base or expert) has been scored on every objective, so there is no "
            "reference point; see why their trials failed, then resume the run"
        )
    return parents
