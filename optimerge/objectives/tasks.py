"""lm-eval tasks as objectives: found and built once a study, scored on every candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from optimerge.errors import TaskError
from optimerge.objectives.items import ItemSets, draw_items
from optimerge.objectives.metrics import choose_metric, task_metrics
from optimerge.objectives.scorer import TaskScorer
from optimerge.records.types import Direction
from optimerge.space.generation import Generation
from optimerge.space.objectives import TaskObjective, objective_name

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_SIZE = 64
"""Rows a forward: fixed, because another number gives other last bits."""


@dataclass(frozen=True)
class TaskFacts:
    """What `optimerge check` says of one task objective."""

    task: str
    metric: str
    """As lm-eval names it: `metric,filter`."""
    direction: Direction
    metrics: tuple[str, ...]
    """All that the task gives."""
    output_type: str
    num_fewshot: int
    documents: int
    items: ItemSets


def load_tasks(
    specs: Sequence[TaskObjective],
    *,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    include_path: Path | None,
    seed: int,
    batch_size: int = BATCH_SIZE,
    items: Literal["search", "test"] = "search",
    allow_code: bool = False,
    generation: Generation | None = None,
) -> list[TaskScorer]:
    """Build a scorer for each spec; `items` says which of its two sets it scores on.

    `allow_code`: whether local task files may name Python functions that are then run.
    Scores are those of `lm_eval.simple_evaluate` on the same documents with this batch size.
    """
    from optimerge.objectives.generation.consent import check_consent
    from optimerge.objectives.live import LiveModel
    from optimerge.objectives.local import LocalAnswering
    from optimerge.objectives.runs import TaskRun

    if not specs:
        return []
    live = LiveModel(model, tokenizer, batch_size)
    check_consent(generation, allow_code=allow_code)
    answering = LocalAnswering(live, generation=generation)
    tasks, runs, scorers = _Tasks(include_path, allow_code), dict[tuple[Any, ...], TaskRun](), []
    for spec in specs:
        task, facts = tasks.look(spec, specs, seed)
        ids = facts.items.search if items == "search" else facts.items.test
        if not ids:
            raise TaskError(
                f"objective {objective_name(spec)!r}: test_items is 0, so there is nothing to "
                "test on; set test_items"
            )
        tasks.build(spec)
        key = (spec.task, facts.num_fewshot, ids)
        if key not in runs:
            runs[key] = TaskRun(task, ids, live)
        metric = choose_metric(task, spec)
        name = objective_name(spec)
        scorers.append(TaskScorer(name, metric, facts.items, runs[key], answering))
    return scorers


def check_tasks(
    specs: Sequence[TaskObjective],
    include_path: Path | None,
    seed: int = 0,
    *,
    allow_code: bool = False,
) -> dict[str, TaskFacts]:
    """Load each objective's documents and find its metric, without a model; by objective name."""
    tasks = _Tasks(include_path, allow_code)
    return {objective_name(spec): tasks.look(spec, specs, seed)[1] for spec in specs}


class _Tasks:
    """Task objects, one for each task and number of examples."""

    def __init__(self, include_path: Path | None, allow_code: bool) -> None:
        from optimerge.objectives.loading import TaskLibrary

        self._library = TaskLibrary(include_path, allow_code=allow_code)
        self._loaded: dict[tuple[str, int | None], tuple[Any, int]] = {}
        self._built: set[tuple[str, int | None]] = set()

    def look(
        self, spec: TaskObjective, specs: Sequence[TaskObjective], seed: int
    ) -> tuple[Any, TaskFacts]:
        key = (spec.task, spec.num_fewshot)
        if key not in self._loaded:
            self._loaded[key] = self._library.load(spec)
        task, documents = self._loaded[key]
        metric = choose_metric(task, spec)
        facts = TaskFacts(
            task=spec.task,
            metric=str(metric),
            direction=metric.direction,
            metrics=tuple(task_metrics(task)),
            output_type=str(task.OUTPUT_TYPE),
            num_fewshot=int(task.get_config("num_fewshot")),
            documents=documents,
            items=draw_items(spec, specs, documents, seed),
        )
        return task, facts

    def build(self, spec: TaskObjective) -> None:
        """Render the prompts of a task that was looked at, once."""
        from optimerge.objectives.prompts import build_requests

        key = (spec.task, spec.num_fewshot)
        if key not in self._built:
            build_requests(self._loaded[key][0])
            self._built.add(key)
