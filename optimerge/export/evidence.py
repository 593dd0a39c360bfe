"""Fills a recipe's `optimerge:` block with what is known of the trial that it was.

All of it stands in the run's records, so the same trial gives the same block on any machine.
"""

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from optimerge.checkpoint.reference import commit_of
from optimerge.recipe.block import OptimergeBlock, Parent, Scored
from optimerge.recipe.files import EXPORTED
from optimerge.recipe.schema import Recipe
from optimerge.records.plain import one_line
from optimerge.records.run import Run, RunInfo
from optimerge.records.types import Score, Trial

OUT = "merged"
"""What `command` calls the folder."""


def with_evidence(
    recipe: Recipe, run: Run, trial: Trial, test: Mapping[str, Score] | None = None
) -> Recipe:
    """Return the recipe with its block filled in; `test`: its scores on the test items, if known.

    `recipe`: as it is exported; how it was scored stands in its block already.
    """
    info = run.info
    block = recipe.block
    known: dict[str, Any] = {
        "run": one_line(run.name),
        "trial": trial.name if unnumbered(trial) else trial.number,
        "scores": _scored(trial.scores),
        "test_scores": _scored(test or {}),
        "constraints": {_key(name): beyond for name, beyond in trial.constraints.items()},
        "items": {_key(name): digest for name, digest in info.items.items()},
        "search_seed": info.seed,
        "plan": one_line(info.plan) or None,
        "versions": {_key(name): one_line(text) for name, text in sorted(info.versions.items())},
        "parents": {_key(ref): _parent(ref, info) for ref in recipe.references()},
        "command": command(block),
    }
    return recipe.model_copy(update={"optimerge": block.model_copy(update=known)})


def unnumbered(trial: Trial) -> bool:
    """Whether the trial goes by a name: a parent, also one with a number, or a soup."""
    return trial.is_parent or trial.number is None


def command(block: OptimergeBlock, file: str = EXPORTED, out: str = OUT) -> str:
    """Return the command line that builds the very tensors that were scored."""
    exact = ["--exact"] if block.mode == "exact" else []
    return shlex.join(["optimerge", "build", file, out, "--seed", str(block.seed), *exact])


def mergekit_command(seed: int | None, file: str = EXPORTED, out: str = OUT) -> str:
    """Return mergekit's command line; `seed`: of random masks, None for a method without."""
    seeded = [] if seed is None else ["--random-seed", str(seed)]
    return shlex.join(["mergekit-yaml", file, out, *seeded])


def _scored(scores: Mapping[str, Score]) -> dict[str, Scored]:
    return {
        _key(name): Scored(
            value=score.value, direction=score.direction, stderr=score.stderr, items=score.items
        )
        for name, score in scores.items()
    }


def _parent(reference: str, info: RunInfo) -> Parent:
    given = _given(reference, info)
    files = info.models.get(given, {}) if given else {}
    return Parent(
        given=one_line(given) if given and given != reference else None,
        revision=commit_of(reference),
        files={_key(name): digest for name, digest in files.items()},
    )


def _given(reference: str, info: RunInfo) -> str | None:
    """Return what the space calls a model that a recipe names; None if that is not known.

    A run that does not say, or a worker on another machine, is helped by the end of the path.
    """
    known = next((given for given, place in info.places.items() if place == reference), None)
    if known is not None or reference in info.models:
        return known or reference
    ours = PurePath(reference).parts
    ends = [given for given in info.models if _tail(given) == ours[-len(_tail(given)) :]]
    return ends[0] if len(ends) == 1 else None


def _tail(given: str) -> tuple[str, ...]:
    parts = tuple(part for part in PurePath(given).parts if part not in ("..", "~"))
    return parts or (given,)


def _key(text: str) -> str:
    return one_line(text)
