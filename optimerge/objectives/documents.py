"""The documents of a space's task objectives: loaded once, drawn together."""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.examples import contents, keep_apart, reserve, shots
from optimerge.objectives.guard import lm_eval_seeds, templates_compiled_once
from optimerge.objectives.items import Ask, ItemSets, digest_items, draw_sets, shares
from optimerge.objectives.loading import Loaded, TaskLibrary
from optimerge.objectives.options import scored_split
from optimerge.space.objectives import TaskObjective, objective_name

log = logging.getLogger(__name__)

_PROMPT = (
    "task",
    "num_fewshot",
    "apply_chat_template",
    "system_instruction",
    "fewshot_as_multiturn",
    "gen_kwargs",
)
"""What of an objective makes its prompts: with the same, a task object is shared."""


@dataclass
class Part:
    """One task of an objective: a task of its own, or one of a group's."""

    search_task: Any
    """lm-eval's task object on the split that the search scores on."""
    test_task: Any
    """The one on the split for the test; the same object where that is the same split."""
    examples_from: str | None
    """The split that examples are drawn from; None if they are fixed."""
    search_ask: int | None
    test_ask: int | None
    items: ItemSets = field(default_factory=lambda: ItemSets((), ()))

    @property
    def digest(self) -> str:
        """32 hex digits of the splits, and of the documents of the test set."""
        docs = self.test_task.eval_docs
        splits = f"{scored_split(self.search_task)}/{scored_split(self.test_task)}"
        return digest_items(
            f"{self.name}/{splits}", [(number, (docs[number],)) for number in self.items.test]
        )

    @property
    def name(self) -> str:
        """The task's name."""
        return str(self.search_task.task_name)

    def pools(self) -> list[tuple[tuple[str, str], Any, Ask]]:
        """Return what is drawn from each split: its key, its task object, how many."""
        search, test = scored_split(self.search_task), scored_split(self.test_task)
        if self.search_task is self.test_task:
            ask = Ask(self.search_ask, self.test_ask)
            return [((self.name, search), self.search_task, ask)]
        return [
            ((self.name, search), self.search_task, Ask(self.search_ask, 0)),
            ((self.name, test), self.test_task, Ask(0, self.test_ask)),
        ]


@dataclass
class Prepared:
    """An objective's tasks with the documents drawn for it."""

    spec: TaskObjective
    group: Any
    """lm-eval's group object, or None for a task."""
    parts: list[Part]
    notes: list[str] = field(default_factory=list)
    """What a person should know, one sentence each."""


Searched = Mapping[str, AbstractSet[str]]
"""By a task's name how the documents read that a search scores on: see `examples.contents`."""


def prepare(
    specs: Sequence[TaskObjective],
    include_path: Path | None,
    seed: int,
    *,
    allow_code: bool = False,
    strict: bool = False,
    searched: Searched | None = None,
) -> list[Prepared]:
    """Load the tasks of all objectives and draw their documents, in the order of `specs`.

    `strict`: refuse what has too few documents, instead of cutting the numbers with a note.
    `searched`: the documents of a search. Given, nothing is drawn to search on, and for the test
    `test_items` of all others; default all of them.
    """
    library = _Library(TaskLibrary(include_path, allow_code=allow_code))
    if searched is not None:
        specs = [spec.model_copy(update={"search_split": spec.test_split}) for spec in specs]
    prepared = [_parts(spec, library, unseen=searched is not None) for spec in specs]
    _draw(prepared, seed, strict, searched or {})
    _keep_apart(prepared)
    return prepared


def searched_in(prepared: Sequence[Prepared]) -> dict[str, set[str]]:
    """Return how the documents read that a search on these objectives scores on, by task."""
    found: dict[str, set[str]] = defaultdict(set)
    for part in (part for each in prepared for part in each.parts):
        found[part.name] |= contents(part.search_task, part.items.search)
    return dict(found)


class _Library:
    """Loaded tasks, one for each split and all that makes prompts."""

    def __init__(self, library: TaskLibrary) -> None:
        self._library = library
        self._loaded: dict[tuple[str, str | None], Loaded] = {}

    def load(self, spec: TaskObjective, split: str | None = None) -> Loaded:
        key = (json.dumps([getattr(spec, name) for name in _PROMPT], default=repr), split)
        if key not in self._loaded:
            self._loaded[key] = self._library.load_all(spec, split)
        return self._loaded[key]

    def on(self, spec: TaskObjective, split: str | None) -> Loaded:
        """Load on a split; the same object as by default if that is the task's own split."""
        usual = self.load(spec)
        if split is None or all(scored_split(task) == split for task in usual.tasks):
            return usual
        return self.load(spec, split)


def _parts(spec: TaskObjective, library: _Library, *, unseen: bool) -> Prepared:
    search, test = library.on(spec, spec.search_split), library.on(spec, spec.test_split)
    sizes = [len(task.eval_docs) for task in search.tasks]
    asked = 0 if unseen else spec.search_items
    searched = _spread(spec, "search_items", asked, sizes)
    sizes = [len(task.eval_docs) for task in test.tasks]
    wanted = spec.test_items
    if wanted is None and search is test and not unseen:
        wanted = 0
    tested = _spread(spec, "test_items", wanted, sizes)
    parts = [
        Part(*each)
        for each in zip(
            search.tasks, test.tasks, search.examples_from, searched, tested, strict=True
        )
    ]
    return Prepared(spec, search.group, parts)


def _spread(
    spec: TaskObjective, key: str, total: int | None, sizes: list[int]
) -> Sequence[int | None]:
    """Return how many items each task gives: of a group in proportion to its documents."""
    if len(sizes) == 1 or not total:
        return [total] * len(sizes)
    if total < len(sizes):
        raise TaskError(
            f"objective {objective_name(spec)!r}: {key} {total} is for all {len(sizes)} tasks of "
            f"group {spec.task!r}, of each one document at least; give {len(sizes)} or more"
        )
    return shares(total, sizes)


def _draw(prepared: Sequence[Prepared], seed: int, strict: bool, searched: Searched) -> None:
    asks: dict[tuple[str, str], list[Ask]] = defaultdict(list)
    most_shots: dict[tuple[str, str], int] = defaultdict(int)
    for each in prepared:
        for part in each.parts:
            for key, task, ask in part.pools():
                asks[key].append(ask)
                if part.examples_from == key[1]:
                    most_shots[key] = max(most_shots[key], shots(task))
    for each in prepared:
        for part in each.parts:
            sets = [
                draw_sets(
                    objective_name(each.spec),
                    part.name,
                    ask,
                    asks[key],
                    len(task.eval_docs),
                    f"{seed}/{part.name}",
                    reserve=reserve(most_shots[key], len(task.eval_docs)),
                    strict=strict,
                    barred=_barred(each.spec, part, searched),
                )
                for key, task, ask in part.pools()
            ]
            part.items = ItemSets(sets[0].search, sets[-1].test)
        if note := _cut_note(each):
            each.notes.append(note)
            log.warning("%s", note)
        if note := _none_left_note(each):
            each.notes.append(note)


def _barred(spec: TaskObjective, part: Part, searched: Searched) -> set[int]:
    """Return the documents of a task that a search scores on; TaskError if no other is left."""
    if part.name not in searched:
        return set()
    known, task = searched[part.name], part.test_task
    number = len(task.eval_docs)
    found = {n for n in range(number) if not known.isdisjoint(contents(task, [n]))}
    if len(found) == number:
        raise TaskError(
            f"objective {objective_name(spec)!r}: the search scores on every document of task "
            f"{part.name!r}, so none is left to test on; give test_split the name of another "
            "split, or search anew, in another --run-dir, with test_items"
        )
    return found


def _cut_note(prepared: Prepared) -> str:
    """Return a sentence about the numbers that were cut; "" if none was."""
    cut = [
        part
        for part in prepared.parts
        if len(part.items.search) < (part.search_ask or 0)
        or len(part.items.test) < (part.test_ask or 0)
    ]
    if not cut:
        return ""
    spec, asked = prepared.spec, []
    for key, wanted, found in (
        ("search_items", spec.search_items, sum(len(p.items.search) for p in prepared.parts)),
        ("test_items", spec.test_items, sum(len(p.items.test) for p in prepared.parts)),
    ):
        if wanted:
            asked.append(f"{key} {wanted} become {found}" if found < wanted else f"{key} {wanted}")
    names = ", ".join(part.name for part in cut[:3]) + (", ..." if len(cut) > 3 else "")
    return (
        f"objective {objective_name(spec)!r}: {names} has fewer documents than asked for, so "
        f"{' and '.join(asked)}; lower them, or give --strict to refuse this"
    )


def _none_left_note(prepared: Prepared) -> str:
    """Return a sentence if the search takes all documents of all tasks; "" if it does not."""
    searched = sum(len(part.items.search) for part in prepared.parts)
    if not searched or any(part.items.test for part in prepared.parts):
        return ""
    return (
        f"objective {objective_name(prepared.spec)!r}: the search scores on all {searched} "
        "documents, so none is left for `optimerge test`; give search_items to keep some"
    )


def _keep_apart(prepared: Sequence[Prepared]) -> None:
    """Keep the scored documents of a task out of the examples in all its prompts."""
    by_name: dict[str, list[Part]] = defaultdict(list)
    for each in prepared:
        for part in each.parts:
            by_name[part.name].append(part)
    with lm_eval_seeds(), templates_compiled_once():
        for parts in by_name.values():
            tasks = {id(task): (task, p) for p in parts for task in (p.search_task, p.test_task)}
            drawn = [(t, p) for t, p in tasks.values() if shots(t) and p.examples_from is not None]
            if not drawn:
                continue
            ids: dict[int, set[int]] = defaultdict(set)
            for part in parts:
                ids[id(part.search_task)].update(part.items.search)
                ids[id(part.test_task)].update(part.items.test)
            scored = set[str]().union(
                *(contents(task, sorted(ids[which])) for which, (task, _) in tasks.items())
            )
            splits = {scored_split(task) for task, _ in tasks.values()}
            for task, part in drawn:
                keep_apart(task, scored, same_split=part.examples_from in splits)
