"""`parameters: count`: how large a candidate is, for layer maps; smaller is better."""

from typing import Literal

from optimerge.space.objective_kinds.settings import ObjectiveSettings


class ParametersObjective(ObjectiveSettings):
    """Number of parameters of the candidate."""

    parameters: Literal["count", True]
    """`count`, or true."""

    @property
    def label(self) -> str:
        """Its name where none is given."""
        return "parameters"
