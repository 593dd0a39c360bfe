"""The `report:` block of a search space: what is measured after the search, and never searched on.

    report:
      - task: arc_easy                  # the search knows nothing of it: all of its documents
      - {task: gsm8k, name: gsm8k_unseen, test_items: 500}

Of a task that is searched on too, documents are taken that the search does not score on.
"""

from collections.abc import Sequence

from optimerge.errors import RecipeError
from optimerge.space.objectives import ObjectiveSpec, TaskObjective, TaskSettings, objective_name

FOREIGN = ("at_least", "at_most", "search_items", "search_split")
"""Keys of objectives that say how they are searched on."""


def reported(
    specs: Sequence[ObjectiveSpec], defaults: TaskSettings, file: str
) -> tuple[ObjectiveSpec, ...]:
    """Return the objectives with the prompts of the space's `tasks:`, not its numbers of items.

    RecipeError if one says how it is searched on.
    """
    prompts = defaults.model_copy(
        update=dict.fromkeys(("search_items", "test_items", "search_split"))
    )
    found: list[ObjectiveSpec] = []
    for number, spec in enumerate(specs):
        given = [key for key in FOREIGN if getattr(spec, key, None) is not None]
        if not spec.optimize:
            given.append("optimize")
        if given:
            raise RecipeError(
                f"{file}: report[{number}].{given[0]}: {objective_name(spec)!r} is only measured, "
                f"never searched on; leave {given[0]} out, or put it under objectives"
            )
        if isinstance(spec, TaskObjective) and spec.test_items == 0:
            raise RecipeError(
                f"{file}: report[{number}].test_items: 0 leaves nothing to measure; give a number, "
                "or leave it out for all documents"
            )
        found.append(spec.with_defaults(prompts) if isinstance(spec, TaskObjective) else spec)
    return tuple(found)


def check_report_names(
    specs: Sequence[ObjectiveSpec], objectives: Sequence[str], file: str
) -> None:
    """Raise RecipeError if an objective under `report:` has the name of another objective."""
    known = dict.fromkeys(objectives, "objectives")
    for number, spec in enumerate(specs):
        name = objective_name(spec)
        if name in known:
            raise RecipeError(
                f"{file}: report[{number}]: {name!r} is the name of one under {known[name]} too; "
                "give it a `name:` of its own"
            )
        known[name] = "report"
