"""How much of the base a merge changes, read from what the merge counted; smaller is better."""

import math
from typing import Literal

from optimerge.errors import TrialError
from optimerge.objectives.protocol import Candidate
from optimerge.records.types import Direction, Score

Measure = Literal["nonzero", "l1", "l2"]


class SparsityScorer:
    """One measure of the difference between a candidate and its base.

    nonzero: share of the parameters that differ from the base, 0 to 1, no unit.
    l1: sum of |merged - base|; l2: square root of the sum of squares; both in units of a weight.
    They are the plain norms, not divided by the number of parameters: they are what papers and
    other tools print, they add up over tensors (l2 in squares), and a constant factor changes
    neither the front nor a knee. They grow with the model, so compare them within one base only.
    """

    direction: Direction = "minimize"

    def __init__(self, name: str, measure: Measure) -> None:
        self.name, self.measure = name, measure

    def score(self, candidate: Candidate) -> Score:
        """Return the measure; exact, so its standard error is 0 and it has no items."""
        stats = candidate.stats
        if stats.parameters == 0:
            raise TrialError(
                f"objective {self.name!r}: no tensor of the candidate has one of the base to "
                "compare with"
            )
        found = {"nonzero": stats.nonzero_share, "l1": stats.l1, "l2": stats.l2}
        value = float(found[self.measure])
        if not math.isfinite(value):
            raise TrialError(f"objective {self.name!r}: {self.measure} of the merge is {value}")
        return Score(value, stderr=0.0, items=0, direction=self.direction, seconds=0.0)
