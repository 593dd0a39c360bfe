"""Norms that programs ask for one by one and a back end sums in one call."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optimerge.merge.kernels.compile import rescaled
from optimerge.merge.kernels.many import Sum, norms_many
from optimerge.merge.kernels.program import Keep, Kernels, Program, Source

if TYPE_CHECKING:
    from torch import Tensor


class LaterNorms:
    """A back end that notes which norms it is asked for: programs get their scales afterwards.

    All else is done by the back end behind it, at once.
    """

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self.asked: list[Sum] = []

    def norms(
        self, keep: Keep, base: "Tensor", source: Source, unit: int, start: int = 0
    ) -> tuple[int, int]:
        """Return any numbers, such that the scale is 1."""
        self.asked.append(Sum(keep, base, source, unit, start))
        return 1, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernels, name)

    def scaled(self, programs: list[Program]) -> list[Program]:
        """Return the programs with the scales that they would have had at once."""
        if not self.asked:
            return programs
        found = zip(self.asked, norms_many(self._kernels, self.asked), strict=True)
        scales = {id(one.keep): rescaled(one.unit, *norms) for one, norms in found}
        return [
            replace(
                program,
                terms=tuple(
                    replace(term, scale=scales.get(id(term.keep), term.scale))
                    for term in program.terms
                ),
            )
            for program in programs
        ]
