"""Parents that objectives name: which model is meant."""

from typing import TYPE_CHECKING

from optimerge.errors import RecipeError, did_you_mean
from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objectives import objective_name
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optimerge.search.models import Models

BASE = "base"


def check_named_parents(space: SearchSpace, models: "Models") -> None:
    """Raise RecipeError if an objective names a parent that the space does not have."""
    for spec in space.measured:
        if isinstance(spec, DriftObjective) and parent_named(models, spec.to) is None:
            known = [*([BASE] if models.has_base else []), *models.names, *models.names.values()]
            hint = did_you_mean(spec.to, known) or f"; it has {', '.join(dict.fromkeys(known))}"
            raise RecipeError(
                f"{space.file}: objective {objective_name(spec)!r}: to: the space has no model "
                f"{spec.to!r}{hint}"
            )


def parent_named(models: "Models", name: str) -> str | None:
    """Return the reference of the parent of that name: `base`, a reference or a short name."""
    if name == BASE and models.has_base:
        return models.base.reference
    return next((r for r, short in models.names.items() if name in (r, short)), None)
