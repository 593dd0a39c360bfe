"""What a sampler is here: a name, what it does, its options, and how one is made."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo

from optimerge.errors import RecipeError, did_you_mean

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
class Option:
    """A setting of a sampler, `search: {sampler: {name: NAME, OPTION: VALUE}}`."""

    name: str
    kind: str
    default: Any
    help: str


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

    @property
    def options(self) -> tuple[Option, ...]:
        """Its options, in the order of their declaration."""
        return tuple(
            Option(name, _kind(annotation), default, _field(annotation).description or "")
            for name, annotation, default in _declared(self.make)
        )

    def having(self, options: Mapping[str, Any], where: str) -> "NamedSampler":
        """Return the sampler with the given options; RecipeError at `where` for what is wrong."""
        from pydantic import ConfigDict, create_model

        from optimerge.recipe.read import validate

        known = [option.name for option in self.options]
        for name in options:
            if name not in known:
                hint = did_you_mean(name, known) or f"; known: {', '.join(known) or 'none'}"
                raise RecipeError(f"{where}: sampler {self.name!r} has no option {name!r}{hint}")
        fields: dict[str, Any] = {n: (a, default) for n, a, default in _declared(self.make)}
        schema = create_model("Options", __config__=ConfigDict(strict=True), **fields)
        checked = validate(schema, options, where)
        chosen = {name: getattr(checked, name) for name in options}
        return replace(self, make=partial(self.make, **chosen)) if chosen else self


def _declared(make: "Callable[..., BaseSampler]") -> Iterator[tuple[str, Any, Any]]:
    """Yield name, annotation and default of each option."""
    for name, found in inspect.signature(make).parameters.items():
        if found.kind is inspect.Parameter.KEYWORD_ONLY:
            yield name, found.annotation, found.default


def _field(annotation: Any) -> FieldInfo:
    return FieldInfo.from_annotation(annotation)


def _kind(annotation: Any) -> str:
    found: Any = _field(annotation).annotation
    names = {int: "integer", float: "number", bool: "true/false", str: "name", type(None): "none"}
    parts = getattr(found, "__args__", (found,))
    return " or ".join(names.get(part, str(part)) for part in parts)
