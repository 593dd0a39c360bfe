"""Ranges: what a search space may put where a recipe takes a number or a name."""

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from optimerge.methods.protocol import Kind
from optimerge.space.layer_groups import LayerGroups, group_count, is_open

Param = bool | int | float | str
"""A value of a dimension: what a sampler proposes."""


Finite = Annotated[float, Field(allow_inf_nan=False)]
MOST_STEPS = 100_000


class Range(BaseModel):
    """`{low, high}` with optional log and step, or `{choices}`; one value for all or one a part.

    `layer_groups: k` gives one value to each of k equal groups of layers (other forms:
    `optimerge.space.layer_groups`); `filters: [a, b]` one to the tensors whose name contains a, one
    to those that contain b, and one to the rest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: Finite | None = None
    """The least value."""
    high: Finite | None = None
    """The largest value."""
    log: bool = False
    """Whether it is searched in the logarithm; `low` must be above 0."""
    step: Annotated[Finite, Field(gt=0)] | None = None
    """Only `low`, `low + step`, ... are tried."""
    choices: Annotated[tuple[Param, ...], Field(min_length=1)] | None = None
    """The values there are, in place of `low` and `high`."""
    layer_groups: LayerGroups | None = None
    """One value for each group of layers; none: one for all layers."""
    filters: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """One value for the tensors of each of these parts of a name, and one for the rest."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.log or self.step:
                raise ValueError("give choices, or low and high, not both")
            # 1, 1.0 and true are one value to Python and Optuna.
            if len(set(self.choices)) < len(self.choices):
                raise ValueError("a choice is given twice")
            return self
        if self.low is None or self.high is None:
            raise ValueError(f"the range has no {'low' if self.low is None else 'high'}")
        if not self.low <= self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}; swap them")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range needs low above 0; low is {self.low:g}")
        if self.log and self.step:
            raise ValueError("give log or step, not both")
        if self.step and not (self.high - self.low) / self.step < MOST_STEPS:
            raise ValueError(f"a range has at most {MOST_STEPS} steps; take a larger step, or none")
        return self

    @property
    def ends(self) -> tuple[Param, ...]:
        """The values to hold against a parameter's legal range: both ends, or every choice."""
        if self.choices is not None:
            return self.choices
        assert self.low is not None
        assert self.high is not None
        return (self.low, self.high)

    @property
    def open(self) -> bool:
        """Whether its layer groups are not known before the models are."""
        return is_open(self.layer_groups)

    @property
    def last(self) -> float:
        """The highest value: `high`, or the last step below it, in decimal arithmetic as Optuna."""
        assert self.low is not None
        assert self.high is not None
        if self.step is None:
            return self.high
        low, high, step = (Decimal(str(v)) for v in (self.low, self.high, self.step))
        rest = (high - low) % step
        return self.high if rest == 0 else float((high - low) // step * step + low)

    def on_step(self, index: int) -> float:
        """Return the value so many steps up, without the dust of the product, inside the range."""
        assert self.low is not None
        assert self.step is not None
        exact = self.low + index * self.step
        short = round(exact, 10)
        found = short if abs(short - exact) < 1e-10 * self.step else exact
        return min(max(found, self.low), self.last)

    @property
    def parts(self) -> list[tuple[int | None, str | None]]:
        """One (layer group, filter) for each value; filter None: all, or the rest.

        While the groups are open, one value stands for all of them.
        """
        count = group_count(self.layer_groups)
        groups: list[int | None] = list(range(count)) if count else [None]
        filters: list[str | None] = [*self.filters, None] if self.filters else [None]
        return [(group, name) for name in filters for group in groups]


def is_range(data: Any) -> bool:
    """Whether plain data stands for a range."""
    return isinstance(data, dict) and bool({"low", "high", "choices"} & data.keys())


class Dimension(BaseModel):
    """One coordinate of the search: one value of one range."""

    model_config = ConfigDict(frozen=True)

    name: str
    site: tuple[str | int, ...]
    """Where in the recipe's data the range stands."""
    range: Range
    kind: Kind | None
    """The parameter's kind, "integer" for a bound of layers; None for names (method, model)."""
    group: int | None = None
    filter: str | None = None
    methods: frozenset[str] = frozenset()
    """The methods that have the parameter; empty: all."""

    def active(self, method: str) -> bool:
        """Whether a candidate of that method has this dimension."""
        return not self.methods or method in self.methods

    @property
    def text(self) -> str:
        """The range as people read it."""
        r = self.range
        if r.choices is not None:
            return "{" + ", ".join(map(str, r.choices)) + "}"
        extra = " log" if r.log else f" step {r.step:g}" if r.step else ""
        return f"[{r.low:g}, {r.high:g}]{extra}"
