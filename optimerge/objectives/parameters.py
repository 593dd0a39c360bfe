"""Parameter count of a candidate: what layer maps trade scores for."""

from optimerge.objectives.context import Context
from optimerge.objectives.protocol import Candidate
from optimerge.records.types import Direction, Score
from optimerge.space.objective_kinds.parameters import ParametersObjective


class ParametersScorer:
    """Number of parameters of the model as it stands; tied ones count once."""

    direction: Direction = "minimize"

    def __init__(self, name: str, spec: ParametersObjective, context: Context) -> None:
        self.name = name

    @property
    def facts(self) -> str:
        """What `optimerge check` says of it."""
        return "the number of parameters"

    def score(self, candidate: Candidate) -> Score:
        """Return the count; exact, so its standard error is 0 and it has no items."""
        count = sum(weight.numel() for weight in candidate.model.parameters())
        return Score(float(count), 0.0, 0, self.direction, 0.0)
