"""What every objective of a search space may say: its name, its bounds, whether it is optimised."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Bound:
    """A limit on one objective's value: a constraint of the search."""

    objective: str
    """The objective's name."""
    kind: Literal["at_least", "at_most"]
    limit: float

    @property
    def name(self) -> str:
        """What tables and Optuna call it.

        >>> Bound("gsm8k", "at_least", 0.5).name
        'gsm8k >= 0.5'
        """
        return f"{self.objective} {'>=' if self.kind == 'at_least' else '<='} {self.limit:.12g}"

    def excess(self, value: float) -> float:
        """Return how far a value lies beyond the limit, in the objective's unit; kept if <= 0.

        >>> Bound("gsm8k", "at_least", 0.5).excess(0.25), Bound("size", "at_most", 3).excess(2)
        (0.25, -1)
        """
        return self.limit - value if self.kind == "at_least" else value - self.limit


class ObjectiveSettings(BaseModel):
    """Keys that every kind of objective has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: ClassVar[str] = ""
    """What a value counts; "": what is measured says it."""

    name: str | None = None
    """What tables call it; default: what is measured."""
    at_least: Number | None = None
    """A trial whose value is below is infeasible: recorded, and never on the front."""
    at_most: Number | None = None
    """A trial whose value is above is infeasible."""
    optimize: bool = True
    """false: scored and recorded, and held to its bounds, but no axis of the front."""

    @model_validator(mode="after")
    def _bounds_leave_room(self) -> Self:
        low, high = self.at_least, self.at_most
        if low is not None and high is not None and low > high:
            raise ValueError(f"at_least {low:g} is above at_most {high:g}; swap them")
        return self

    def bounds(self, name: str) -> tuple[Bound, ...]:
        """Return its bounds, `name` being what the objective is called; at_least first."""
        low = () if self.at_least is None else (Bound(name, "at_least", self.at_least),)
        high = () if self.at_most is None else (Bound(name, "at_most", self.at_most),)
        return (*low, *high)
