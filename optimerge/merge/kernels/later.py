"""Norms that are asked for one by one and found in one call: programs are then made twice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from optimerge.merge.kernels.many import Sum, norms_many
from optimerge.merge.kernels.program import Keep, Kernels, Source

if TYPE_CHECKING:
    from torch import Tensor


class LaterNorms:
    """A back end that only notes which norms it is asked for, until they are found.

    From then on the same questions, in the same order, are given their answers. All else is done
    by the back end behind it, at once.
    """

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self.asked: list[Sum] = []
        self._answers: Iterator[tuple[int, int]] | None = None

    def norms(
        self, keep: Keep, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> tuple[int, int]:
        """Return sums of |d| as `Kernels.norms`; before `find`, any numbers."""
        if self._answers is not None:
            return next(self._answers)
        self.asked.append(Sum(keep, base, source, unit, start))
        return 1, 1

    def find(self) -> None:
        """Sum what was asked for."""
        self._answers = iter(norms_many(self._kernels, self.asked) if self.asked else [])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernels, name)
