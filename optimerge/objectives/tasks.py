"""lm-eval tasks as objectives: found and built once a study, scored on every candidate."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from optimerge.errors import TaskError
from optimerge.objectives.documents import Part, Prepared, Searched, prepare, searched_in
from optimerge.objectives.groups import GroupScorer, group_metric, group_metrics
from optimerge.objectives.items import ItemSets
from optimerge.objectives.metrics import (
    Metric,
    added_metrics,
    check_items,
    choose_metric,
    task_metrics,
)
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.scorer import TaskScorer
from optimerge.records.types import Direction
from optimerge.space.generation import Generation
from optimerge.space.objectives import TaskObjective, objective_name

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from optimerge.objectives.live import LiveModel
    from optimerge.objectives.local import LocalAnswering
    from optimerge.objectives.runs import TaskRun

BATCH_SIZE = 64
"""Rows a forward: fixed, because another number gives other last bits."""

Which = Literal["search", "test"]


@dataclass(frozen=True)
class TaskFacts:
    """What `optimerge check` says of one task objective."""

    task: str
    """The task's or group's name."""
    metric: str
    """As lm-eval names it: `metric,filter`."""
    direction: Direction
    metrics: tuple[str, ...]
    """All that the task gives, those of `added_metrics` last."""
    output_type: str
    num_fewshot: int
    documents: int
    """Of the split that the search scores on; of a group, of all its tasks."""
    items: ItemSets
    """Document ids; of a group, those of each task in turn."""
    tasks: tuple[str, ...] = ()
    """Names of a group's tasks."""
    notes: tuple[str, ...] = ()
    """What a person should know, one sentence each."""


def load_tasks(
    specs: Sequence[TaskObjective],
    *,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    include_path: Path | None,
    seed: int,
    batch_size: int = BATCH_SIZE,
    items: Which = "search",
    allow_code: bool = False,
    strict: bool = False,
    generation: Generation | None = None,
    searched: Searched | None = None,
) -> list[OnTasks]:
    """Build a scorer for each spec; `items` says which of its two sets it scores on.

    `allow_code`: whether local task files may name Python functions that are then run.
    `strict`, `searched`: see `prepare`.
    Scores are those of `lm_eval.simple_evaluate` on the same documents with this batch size.
    """
    from optimerge.objectives.generation.consent import check_consent
    from optimerge.objectives.live import LiveModel
    from optimerge.objectives.local import LocalAnswering

    if not specs:
        return []
    live = LiveModel(model, tokenizer, batch_size)
    check_consent(generation, allow_code=allow_code)
    answering = LocalAnswering(live, generation=generation)
    prepared = prepare(
        specs, include_path, seed, allow_code=allow_code, strict=strict, searched=searched
    )
    chosen = [_metric(each) for each in prepared]
    for each in prepared:
        if not all(_ids(part, items) for part in each.parts):
            raise TaskError(
                f"objective {objective_name(each.spec)!r}: test_items is 0, so there is nothing "
                "to test on; set test_items"
            )
    _build(prepared, items, live)
    runs: dict[tuple[int, tuple[int, ...]], TaskRun] = {}
    scorers: list[OnTasks] = []
    for each, (metric, having) in zip(prepared, chosen, strict=True):
        members = [
            _scorer(each.spec, metric, part, items, answering, runs)
            for part in each.parts
            if any(part.search_task is task for task in having)
        ]
        name = objective_name(each.spec)
        group = each.group
        made = GroupScorer(name, group, metric, members) if group is not None else members[0]
        made.notes = tuple(each.notes)
        scorers.append(made)
    return scorers


def check_tasks(
    specs: Sequence[TaskObjective],
    include_path: Path | None,
    seed: int = 0,
    *,
    allow_code: bool = False,
    strict: bool = False,
    report: Sequence[TaskObjective] = (),
) -> dict[str, TaskFacts]:
    """Load each objective's documents and find its metric, without a model; by objective name.

    `report`: those that are measured after the search alone.
    """
    prepared = prepare(specs, include_path, seed, allow_code=allow_code, strict=strict)
    if report:
        searched = searched_in(prepared)
        prepared += prepare(
            report, include_path, seed, allow_code=allow_code, strict=strict, searched=searched
        )
    return {objective_name(each.spec): _facts(each) for each in prepared}


def _metric(each: Prepared) -> tuple[Metric, list[Any]]:
    """Return an objective's metric and the tasks that have it; TaskError if it has none."""
    tasks = [part.search_task for part in each.parts]
    if each.group is None:
        metric, having = choose_metric(tasks[0], each.spec), tasks
    else:
        metric, having = group_metric(each.group, tasks, each.spec)
    for part in each.parts:
        for task, ids in (
            (part.search_task, part.items.search),
            (part.test_task, part.items.test),
        ):
            if ids and any(part.search_task is one for one in having):
                docs = task.eval_docs
                check_items(task, each.spec, metric.name, (docs[number] for number in ids))
    return metric, having


def _facts(each: Prepared) -> TaskFacts:
    metric, _ = _metric(each)
    tasks = [part.search_task for part in each.parts]
    own = group_metrics(each.group, tasks) if each.group else task_metrics(tasks[0])
    return TaskFacts(
        task=each.spec.task,
        metric=str(metric),
        direction=metric.direction,
        metrics=(*own, *(n for n in added_metrics(tasks[0]))),
        output_type=str(tasks[0].OUTPUT_TYPE),
        num_fewshot=int(tasks[0].get_config("num_fewshot")),
        documents=sum(len(task.eval_docs) for task in tasks),
        items=ItemSets(
            tuple(number for part in each.parts for number in part.items.search),
            tuple(number for part in each.parts for number in part.items.test),
        ),
        tasks=tuple(part.name for part in each.parts) if each.group else (),
        notes=tuple(each.notes),
    )


def _ids(part: Part, items: Which) -> tuple[int, ...]:
    return part.items.search if items == "search" else part.items.test


def _task(part: Part, items: Which) -> Any:
    return part.search_task if items == "search" else part.test_task


def _build(prepared: Sequence[Prepared], items: Which, live: "LiveModel") -> None:
    """Render the prompts of every task object once, of all documents that are asked for."""
    from optimerge.objectives.options import chat_renderer
    from optimerge.objectives.prompts import build_requests

    wanted: dict[int, set[int]] = defaultdict(set)
    for each in prepared:
        for part in each.parts:
            wanted[id(_task(part, items))].update(_ids(part, items))
    for each in prepared:
        spec = each.spec
        for task in (_task(part, items) for part in each.parts):
            if id(task) not in wanted:
                continue
            build_requests(
                task,
                wanted.pop(id(task)),
                chat_template=chat_renderer(
                    live.lm, spec.apply_chat_template, objective_name(spec)
                ),
                system_instruction=spec.system_instruction,
                fewshot_as_multiturn=spec.fewshot_as_multiturn is not False,
            )


def _scorer(
    spec: TaskObjective,
    metric: Metric,
    part: Part,
    items: Which,
    answering: "LocalAnswering",
    runs: "dict[tuple[int, tuple[int, ...]], TaskRun]",
) -> TaskScorer:
    from optimerge.objectives.runs import TaskRun

    task, ids = _task(part, items), _ids(part, items)
    if (id(task), ids) not in runs:
        runs[id(task), ids] = TaskRun(task, ids, answering.live)
    run = runs[id(task), ids]
    scorer = TaskScorer(objective_name(spec), metric, part.items, run, answering)
    scorer.test_digest = part.digest
    return scorer
