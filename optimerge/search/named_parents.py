"""Parents that objectives name: which model is meant."""

from collections.abc import Iterable, Mapping

from optimerge.errors import RecipeError, did_you_mean
from optimerge.records.origins import BASE
from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objectives import ObjectiveSpec, objective_name
from optimerge.space.space import SearchSpace


def named_parents(
    space: SearchSpace, specs: Iterable[ObjectiveSpec], names: Mapping[str, str], base: str | None
) -> dict[str, str]:
    """Return the references of the parents that objectives name, by what they call them.

    `names`: the short name of every model by reference; `base`: the base's reference. RecipeError
    if the space does not have one of them.
    """
    found = {}
    for spec in specs:
        if isinstance(spec, DriftObjective):
            reference = parent_named(spec.to, names, base)
            if reference is None:
                known = [*([BASE] if base is not None else []), *names, *names.values()]
                hint = did_you_mean(spec.to, known) or f"; it has {', '.join(dict.fromkeys(known))}"
                raise RecipeError(
                    f"{space.file}: objective {objective_name(spec)!r}: to: the space has no model "
                    f"{spec.to!r}{hint}"
                )
            found[spec.to] = reference
    return found


def parent_named(name: str, names: Mapping[str, str], base: str | None) -> str | None:
    """Return the reference of the parent of that name: `base`, a reference or a short name."""
    if name == BASE and base is not None:
        return base
    return next((r for r, short in names.items() if name in (r, short)), None)
