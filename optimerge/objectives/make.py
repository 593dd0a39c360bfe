"""From a space's `objectives:` to objectives."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from optimerge.errors import TaskError
from optimerge.objectives.context import Context
from optimerge.objectives.documents import Searched
from optimerge.objectives.kinds import make_objective
from optimerge.objectives.protocol import Objective
from optimerge.objectives.sparsity import SparsityScorer
from optimerge.objectives.tasks import BATCH_SIZE, load_tasks
from optimerge.space.generation import Generation
from optimerge.space.objectives import (
    ObjectiveSpec,
    SparsityObjective,
    TaskObjective,
    objective_name,
)
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def make_objectives(
    specs: Sequence[ObjectiveSpec],
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    include_path: Path | None,
    seed: int,
    *,
    batch_size: int = BATCH_SIZE,
    items: Literal["search", "test"] = "search",
    allow_code: bool = False,
    folder: Path | None = None,
    strict: bool = False,
    generation: Generation | None = None,
    searched: Searched | None = None,
) -> list[Objective]:
    """Build the objectives of a space in its order; TaskError if two have one name.

    `folder`: what the files that objectives name are relative to; default: the current folder.
    `searched`: see `documents.prepare`.
    """
    check_names(specs)
    context = Context(model.config, tokenizer, folder or Path(), allow_code)
    scorers = iter(
        load_tasks(
            [spec for spec in specs if isinstance(spec, TaskObjective)],
            model=model,
            tokenizer=tokenizer,
            include_path=include_path,
            seed=seed,
            batch_size=batch_size,
            items=items,
            allow_code=allow_code,
            strict=strict,
            generation=generation,
            searched=searched,
        )
    )
    made: list[Objective] = []
    for spec in specs:
        if isinstance(spec, TaskObjective):
            made.append(next(scorers))
        elif isinstance(spec, SparsityObjective):
            made.append(SparsityScorer(objective_name(spec), spec.sparsity))
        else:
            made.append(make_objective(spec, context))
    return made


def space_objectives(
    space: SearchSpace,
    specs: Sequence[ObjectiveSpec],
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    *,
    items: Literal["search", "test"] = "search",
    allow_code: bool = False,
    searched: Searched | None = None,
) -> list[Objective]:
    """Build these objectives with the settings of a space: see `make_objectives`."""
    settings = space.search
    return make_objectives(
        specs,
        model=model,
        tokenizer=tokenizer,
        include_path=space.include_path,
        seed=settings.seed,
        batch_size=settings.batch_size,
        items=items,
        allow_code=allow_code,
        folder=space.folder,
        strict=settings.strict,
        generation=settings.generation,
        searched=searched,
    )


def check_names(specs: Sequence[ObjectiveSpec]) -> None:
    """Raise TaskError if two objectives have one name."""
    seen: dict[str, int] = {}
    for number, spec in enumerate(specs):
        name = objective_name(spec)
        if name in seen:
            raise TaskError(
                f"objectives[{seen[name]}] and objectives[{number}] are both called {name!r}; "
                f"set objectives[{number}].name to another"
            )
        seen[name] = number
