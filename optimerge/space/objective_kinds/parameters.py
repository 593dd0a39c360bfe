"""`parameters: count`: how large a candidate is, for layer maps; smaller is better."""

from typing import ClassVar, Literal

from optimerge.space.objective_kinds.settings import ObjectiveSettings


class ParametersObjective(ObjectiveSettings):
    """Number of parameters of the candidate."""

    unit: ClassVar[str] = "parameters; tied ones count once"

    parameters: Literal["count", True]
    """`count`, or true."""

    @property
    def label(self) -> str:
        """Its name where none is given."""
        return "parameters"
