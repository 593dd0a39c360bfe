"""What a sampler is here: a name, what it does, its options, and how one is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from optimerge.recipe.described import described
from optimerge.recipe.options import Option, checked, declared, options_model
from optimerge.records.types import Direction

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from optimerge.records.types import Direction
    from optimerge.space.space import SearchSpace


@dataclass(frozen=True)
class Ask:
    """What a sampler is made for: one proposal in a space."""

    space: "SearchSpace"
    seed: int
    """Of this proposal."""
    finished: int
    """Trials in view that have ended, parents and failures included."""
    number: int = 0
    """Of the proposal: how many candidates the search began before it, parents not counted."""
    reference: Sequence[float] | None = None
    """The run's reference point, in losses; None before it is fixed."""
    scales: Sequence[float] | None = None
    """The parents' range by objective; None before it is fixed."""
    directions: "Mapping[str, Direction]" = field(default_factory=dict)
    """By objective that is optimised, in the order of the trials' values."""
    run_seed: int = 0
    """The same for every proposal of a run."""
    attempt: int = 0
    """How many points that were proposed in its place are known already."""


@dataclass(frozen=True)
class NamedSampler:
    """A sampler's name, description and factory.

    The factory's keyword-only arguments are the sampler's options: each is declared there once,
    with type, bounds, meaning (`Annotated[int, Field(ge=2, description="...")]`) and default.
    """

    name: str
    summary: str
    paper: str
    make: "Callable[..., BaseSampler]"
    """`make(ask)`; a function of a module (and `partial`s of it), so that it can be pickled."""
    ahead: bool = False
    """Whether proposing takes so long that it is done while the trial before is scored.

    Then that trial is seen as RUNNING, without its scores. `make` must be picklable.
    """
    most_objectives: int | None = None
    """More are refused; None: as many as one likes."""
    use: str = ""
    """When to take it, and when not: a sentence or two."""

    @property
    def options(self) -> tuple[Option, ...]:
        """Its options, in the order of their declaration."""
        return declared(self.make)

    @property
    def options_schema(self) -> dict[str, Any]:
        """The JSON Schema of its options."""
        schema, _ = described(options_model(self.make))
        return schema

    def having(self, options: Mapping[str, Any], where: str) -> "NamedSampler":
        """Return the sampler with the given options; RecipeError at `where` for what is wrong."""
        chosen = checked(self.make, options, f"sampler {self.name!r}", where)
        return replace(self, make=partial(self.make, **chosen)) if chosen else self
