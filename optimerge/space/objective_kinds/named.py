"""What an objective of an installed package is, and where those that are announced are found.

A package announces an objective under its own name in the entry-point group
`optimerge.objectives` (`optimerge.plugins`); a search space asks for it as `{plugin: NAME, ...}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from optimerge.errors import RecipeError, did_you_mean
from optimerge.plugins import Package, Plugins
from optimerge.recipe.options import Option, checked, declared
from optimerge.space.objective_kinds.settings import ObjectiveSettings

if TYPE_CHECKING:
    from optimerge.objectives.protocol import Candidate

Result = float | tuple[float, float | None] | Mapping[str, float | None]
"""A value; or value and standard error; or a mapping with value, and stderr, items if known."""
TAKEN = frozenset({*ObjectiveSettings.model_fields, "plugin"})
"""Keys that every objective of this kind has."""


@dataclass(frozen=True)
class NamedObjective:
    """An objective's name, description, direction and unit, and what makes it.

    The factory's keyword-only arguments are the objective's options: each is declared there once,
    with type, bounds, meaning (`Annotated[int, Field(ge=1, description="...")]`) and, unless it
    must be given, default.
    """

    name: str
    summary: str
    direction: Literal["maximize", "minimize"]
    unit: str
    """What a value counts: "tokens", "share of answers"; "" for a number without a unit."""
    make: "Callable[..., Callable[[Candidate], Result]]"
    """`make(context)`, with an `objectives.context.Context`, once a study; TaskError if an option,
    a file or the model will not do.

    What it returns scores a candidate: with the model in evaluation mode, without gradients, the
    global generators seeded alike each time. It writes no weights and keeps nothing of one
    candidate for the next. Files are read by `objectives.prompts_file`: a run is not resumed with
    other texts.
    """

    def __post_init__(self) -> None:
        """Raise TypeError if an option has the name of a key of every objective."""
        if twice := sorted({option.name for option in self.options} & TAKEN):
            raise TypeError(f"its option {twice[0]!r} is a key of every objective; rename it")

    @property
    def options(self) -> tuple[Option, ...]:
        """Its options, in the order of their declaration."""
        return declared(self.make)

    def having(self, options: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return the options as `make` takes them; RecipeError at `where` for what is wrong."""
        return checked(self.make, options, f"objective {self.name!r}", where)


PLUGINS = Plugins("optimerge.objectives", NamedObjective, "objective")


def objective_named(name: str) -> NamedObjective:
    """Return the objective that a package announces; RecipeError if none does."""
    found = PLUGINS.named(name, ())
    if found is None:
        known = PLUGINS.names()
        hint = did_you_mean(name, known) or f"; known: {', '.join(known) or 'none'}"
        raise RecipeError(f"no installed package has an objective {name!r}{hint}")
    return found


def package_of_objective(name: str) -> Package | None:
    """Return the package that announces an objective; None if none does."""
    return PLUGINS.package(name)
