"""A hypervolume that grows point by point, kept exact at a small part of what each anew costs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.front.volume import alone


class GrowingVolume:
    """What the points so far dominate up to a reference; losses, smaller is better.

    >>> volume = GrowingVolume([4.0, 4.0])
    >>> [volume.add(point) for point in ([2, 2], [3, 3], [1, 3])], volume.total
    ([True, False, True], 5.0)
    """

    total: float
    """The volume, in the objectives' own units."""

    def __init__(self, reference: ArrayLike) -> None:
        self.total = 0.0
        self._reference = np.asarray(reference, dtype=np.float64)
        if self._reference.ndim != 1 or not np.isfinite(self._reference).all():
            raise ValueError("a reference must be finite numbers [m]")
        self._points = np.empty((0, len(self._reference)))  # those on the front
        self._sides = np.empty((0, len(self._reference)))  # of those that dominate a volume

    def add(self, losses: ArrayLike) -> bool:
        """Add a point [m]; return whether it joined the front.

        A point with a NaN never does, nor one that an earlier point dominates or equals. A point
        beyond the reference may, and adds nothing.

        Complexity: O(f m) for a front of f; for a point that joins it also the volume of the front
        cut to its box (`volume.alone`), in which most of the front is nothing: in 6 objectives the
        boxes that are left are few.
        """
        point = np.asarray(losses, dtype=np.float64)
        if point.shape != self._reference.shape:
            raise ValueError(f"a point [{len(self._reference)}], not {point.shape}")
        if np.isnan(point).any() or (self._points <= point).all(axis=1).any():
            return False
        self._points = _joined(self._points, point, worse=self._points >= point)
        side = self._reference - point
        if (side > 0).all():
            self.total += alone(side, self._sides)
            self._sides = _joined(self._sides, side, worse=self._sides <= side)
        return True


def _joined(
    rows: NDArray[np.float64], row: NDArray[np.float64], worse: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the rows that are not worse [n, m] in every column, and the new one."""
    return np.concatenate((rows[~worse.all(axis=1)], row[None]))
