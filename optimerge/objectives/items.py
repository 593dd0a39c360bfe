"""Which documents of a task the search scores on, and which are kept for the test."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from random import Random
from typing import Any

from optimerge.errors import TaskError


@dataclass(frozen=True)
class ItemSets:
    """Document ids of one objective, sorted; no document is in both sets."""

    search: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True)
class Ask:
    """How many documents of one split an objective asks for; None: all that are left."""

    search: int | None
    test: int | None


def draw_sets(
    name: str,
    task: str,
    ask: Ask,
    asks: Iterable[Ask],
    documents: int,
    key: str,
    *,
    reserve: int = 0,
    strict: bool = True,
    barred: AbstractSet[int] = frozenset(),
) -> ItemSets:
    """Draw an objective's sets from one split of a task, by the key (seed and task).

    Every objective on one task walks the same shuffled list: test items from its start, search
    items after the longest test set of `asks`. So another metric or number of items of the same
    task never searches on what one of them tests on. The last `reserve` documents of the list
    are left for examples. Documents that are `barred` are passed over.

    Where there are too few documents each number is cut in proportion, to one at least; `strict`,
    or fewer documents than sets: TaskError.
    """
    order = list(range(documents))
    Random(key).shuffle(order)
    order = [number for number in order if number not in barred]
    documents = len(order)
    room = max(0, documents - reserve)
    asks = list(asks)
    kept = max(room if each.test is None else each.test for each in asks)
    own = 0 if ask.search == 0 else ask.search or 1
    least = max((each.search or 1 for each in asks if each.search != 0), default=0)
    too_few = kept + least > room and room < (kept > 0) + (least > 0)
    if too_few if not strict else kept + own > room:
        raise TaskError(_too_many(name, task, ask, kept, documents, reserve))
    factor = 1.0
    if kept + least > room and not strict:
        # A search on all that is left has no number to cut: half is for it, half for the test.
        most = max(kept if each.search is None else each.search for each in asks)
        factor = room / (kept + most)
        kept = min(_cut(kept, factor), room - (least > 0))
    tested = min(kept, room if ask.test is None else _cut(ask.test, factor))
    stop = room if ask.search is None else min(kept + _cut(ask.search, factor), room)
    return ItemSets(
        search=tuple(sorted(order[kept:stop])) if ask.search != 0 else (),
        test=tuple(sorted(order[:tested])),
    )


def shares(total: int, sizes: Sequence[int]) -> list[int]:
    """Split a group's number of items among its tasks, in proportion to their documents.

    At least one each, so `total` must be at least as many as there are tasks.
    """
    exact = [total * size / sum(sizes) for size in sizes]
    found = [max(1, int(share)) for share in exact]
    while (over := sum(found) - total) != 0:
        gaps = [share - have for share, have in zip(exact, found, strict=True)]
        if over < 0:
            found[gaps.index(max(gaps))] += 1
        else:
            found[min((g, n) for n, g in enumerate(gaps) if found[n] > 1)[1]] -= 1
    return found


def _cut(number: int, factor: float) -> int:
    return max(1, int(number * factor)) if number else 0


def _too_many(name: str, task: str, ask: Ask, kept: int, documents: int, reserve: int) -> str:
    has = f"task {task!r} has {documents} documents"
    if reserve:
        has += f", {reserve} of them for examples"
    if ask.search is None:
        return (
            f"objective {name!r}: test_items {kept} leaves nothing to search on, {has}; "
            "lower test_items"
        )
    return (
        f"objective {name!r}: search_items {ask.search} + test_items {kept} are "
        f"{ask.search + kept}, but {has}; lower one of them"
    )


def digest_items(task: str, requests: Sequence[tuple[int, tuple[Any, ...]]]) -> str:
    """Return 32 hex digits of a task's name, document ids and requests (prompts, answers)."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in (task, *requests):
        hasher.update(json.dumps(part, sort_keys=True, default=repr).encode() + b"\n")
    return hasher.hexdigest()
