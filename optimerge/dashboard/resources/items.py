"""/api/runs/ID/trials/NAME/items/TASK: documents won and lost against another trial."""

from typing import Literal

import numpy as np

from optimerge.dashboard.resource import (
    Answer,
    Asked,
    AskedError,
    Resource,
    UnknownError,
    trial_named,
)
from optimerge.dashboard.snapshot import Snapshot, known
from optimerge.dashboard.source import Source
from optimerge.front.certainty import tasks_of
from optimerge.front.losses import larger_is_better
from optimerge.records.evidence import TaskEvidence, evidence_of
from optimerge.records.prompts import Item, read_items
from optimerge.records.types import Trial

ONLY = ("won", "lost", "same", "all")
PAGE, MOST = 50, 200
"""Documents a page: by default, at most."""


class Document(Answer):
    """One document."""

    document: int
    prompt: str | None
    choices: list[str]
    a: float | None
    """What the trial made of it."""
    b: float | None
    """What the other made of it."""
    text_a: str | None
    """What was generated, where answers are."""
    text_b: str | None


class Items(Answer):
    """Documents of a task, a page of them."""

    task: str
    against: str
    metric: str
    metrics: list[str]
    won: int
    """Documents on which the trial is better."""
    lost: int
    same: int
    total: int
    """Documents that `only` leaves."""
    items: list[Document]


def make(asked: Asked) -> Items:
    """Return a page of documents."""
    source = asked.source()
    snapshot = source.now()
    trial = trial_named(snapshot, asked.path["name"])
    other = trial_named(snapshot, asked.one("against", "base"))
    only = asked.one("only", "all")
    if only not in ONLY:
        raise AskedError(f"only={only!r}: must be {', '.join(ONLY)}")
    offset, limit = asked.whole("offset", 0, 10**9), asked.whole("limit", PAGE, MOST)
    task, rival = _of(snapshot, trial, other, asked.path["task"])
    metrics = [name for name, values in task.values.items() if values.ndim == 1]
    metric = asked.one("metric") or _metric(trial, task, metrics)
    if metric not in metrics:
        raise AskedError(f"metric={metric!r}: must be one of {', '.join(metrics) or 'none'}")
    ours = _values(task, metric)
    theirs = _values(rival, metric) if rival is not None else {}
    sign = 1.0 if _larger_is_better(snapshot, trial, task, metric) else -1.0
    better = {d: _compared(a, theirs.get(d), sign) for d, a in ours.items()}
    left = [d for d in sorted(ours) if only in ("all", better[d])]
    prompts = _prompts(source, snapshot, task.digest)
    page = left[offset : offset + limit]
    counts = {kind: sum(each == kind for each in better.values()) for kind in ONLY}
    return Items(
        task=task.task,
        against=other.name,
        metric=metric,
        metrics=metrics,
        won=counts["won"],
        lost=counts["lost"],
        same=counts["same"],
        total=len(left),
        items=[
            Document(
                document=d,
                prompt=prompts[d].prompt if d in prompts else None,
                choices=list(prompts[d].choices) if d in prompts else [],
                a=known(ours[d]),
                b=known(theirs.get(d)),
                text_a=task.texts.get(d),
                text_b=rival.texts.get(d) if rival is not None else None,
            )
            for d in page
        ],
    )


def _of(
    snapshot: Snapshot, trial: Trial, other: Trial, name: str
) -> tuple[TaskEvidence, TaskEvidence | None]:
    """Return the evidence of both on a task; UnknownError if the trial has none."""
    mine, theirs = (evidence_of(snapshot.run.artifacts, each) for each in (trial, other))
    task = next((t for t in mine.tasks if t.task == name), None)
    if task is None:
        known_tasks = ", ".join(t.task for t in mine.tasks) or "none"
        raise UnknownError(
            f"trial {trial.name} has no evidence by document of task {name!r}; it has {known_tasks}"
        )
    return task, theirs.of(task.task, task.digest)


def _metric(trial: Trial, task: TaskEvidence, metrics: list[str]) -> str:
    """Return the metric whose mean is one of the trial's scores, else the first."""
    found = (name for name in metrics if _scores_of(trial, task, name))
    return next(found, metrics[0] if metrics else "")


def _scores_of(trial: Trial, task: TaskEvidence, metric: str) -> list[str]:
    """Return the objectives whose score of the trial is the mean of the metric."""
    mean = float(task.values[metric].mean()) if len(task.documents) else float("nan")
    near = 1e-9 * max(1.0, abs(mean))
    return [n for n, s in trial.scores.items() if s.items and abs(s.value - mean) <= near]


def _values(task: TaskEvidence, metric: str) -> dict[int, float]:
    found = task.values.get(metric)
    if found is None or found.ndim != 1:
        return {}
    numbers = found.astype(np.float64).tolist()
    return dict(zip(task.documents, numbers, strict=True))


def _larger_is_better(snapshot: Snapshot, trial: Trial, task: TaskEvidence, metric: str) -> bool:
    """Whether the objective of a metric is maximised, or nothing says otherwise.

    A task may be scored by several metrics: accuracy up, log-loss down.
    """
    on = tasks_of(snapshot.run.info.space)
    of_task = [n for n in trial.scores if on.get(n) == task.task]
    of_metric = [n for n in _scores_of(trial, task, metric) if n in of_task]
    named = of_metric or of_task
    return not named or larger_is_better(trial.scores[named[0]].direction)


def _compared(a: float, b: float | None, sign: float) -> Literal["won", "lost", "same", ""]:
    if b is None or a != a or b != b:
        return ""
    if a == b:
        return "same"
    return "won" if sign * (a - b) > 0 else "lost"


def _prompts(source: Source, snapshot: Snapshot, digest: str) -> dict[int, Item]:
    """Return a task's prompts; they never change, and those of the last task are kept."""

    def read() -> dict[int, Item]:
        return read_items(snapshot.run.artifacts, digest)

    return source.kept("prompts", digest, read)


RESOURCE = Resource(
    "/api/runs/{run}/trials/{name}/items/{task}",
    Items,
    make,
    "Documents of a task that a trial won and lost against another, with their prompts.",
    {
        "against": "A trial's number or a parent's name; default base.",
        "only": "won, lost, same or all.",
        "metric": "Of the task's metrics; default that of the score.",
        "offset": "Documents to pass over.",
        "limit": f"Documents to return, at most {MOST}.",
    },
)
