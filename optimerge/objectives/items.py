"""Which documents of a task the search scores on, and which are kept for the test."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from optimerge.errors import TaskError
from optimerge.space.objectives import TaskObjective, objective_name


@dataclass(frozen=True)
class ItemSets:
    """Document ids of one objective, sorted; no id is in both sets."""

    search: tuple[int, ...]
    test: tuple[int, ...]


def draw_items(
    spec: TaskObjective, specs: Iterable[TaskObjective], documents: int, seed: int
) -> ItemSets:
    """Draw the two sets of `spec` by the seed and the task's name.

    Every objective on one task walks the same shuffled list: test items from its start, search
    items after the longest test set of `specs`. So another metric or number of items of the same
    task never searches on what one of them tests on.
    """
    order = list(range(documents))
    Random(f"{seed}/{spec.task}").shuffle(order)
    kept = max((s.test_items for s in specs if s.task == spec.task), default=spec.test_items)
    left = documents - kept
    if (spec.search_items or 1) > left:
        raise TaskError(_too_many(spec, kept, documents))
    stop = documents if spec.search_items is None else kept + spec.search_items
    return ItemSets(
        search=tuple(sorted(order[kept:stop])), test=tuple(sorted(order[: spec.test_items]))
    )


def _too_many(spec: TaskObjective, kept: int, documents: int) -> str:
    name = objective_name(spec)
    if spec.search_items is None:
        return (
            f"objective {name!r}: test_items {kept} leaves nothing to search on, task "
            f"{spec.task!r} has {documents} documents; lower test_items"
        )
    return (
        f"objective {name!r}: search_items {spec.search_items} + test_items {kept} are "
        f"{spec.search_items + kept}, but task {spec.task!r} has {documents} documents; "
        "lower one of them"
    )


def digest_items(task: str, requests: Sequence[tuple[int, tuple[Any, ...]]]) -> str:
    """Return 32 hex digits of a task's name, document ids and requests (prompts, answers)."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in (task, *requests):
        hasher.update(json.dumps(part, sort_keys=True, default=repr).encode() + b"\n")
    return hasher.hexdigest()
