"""Parents that objectives name: which model is meant."""

from collections.abc import Mapping

from optimerge.errors import RecipeError, did_you_mean
from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objectives import objective_name
from optimerge.space.space import SearchSpace

BASE = "base"


def check_named_parents(space: SearchSpace, names: Mapping[str, str], base: str | None) -> None:
    """Raise RecipeError if an objective names a parent that the space does not have.

    `names`: the short name of every model by reference; `base`: that of the base, if there is one.
    """
    for spec in space.measured:
        if isinstance(spec, DriftObjective) and parent_named(spec.to, names, base) is None:
            known = [*([BASE] if base else []), *names, *names.values()]
            hint = did_you_mean(spec.to, known) or f"; it has {', '.join(dict.fromkeys(known))}"
            raise RecipeError(
                f"{space.file}: objective {objective_name(spec)!r}: to: the space has no model "
                f"{spec.to!r}{hint}"
            )


def parent_named(name: str, names: Mapping[str, str], base: str | None) -> str | None:
    """Return the reference of the parent of that name: `base`, a reference or a short name."""
    if name == BASE and base is not None:
        return base
    return next((r for r, short in names.items() if name in (r, short)), None)
