"""Per-document outcomes of a trial as lines of text: for `optimerge show`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimerge.errors import RunError, did_you_mean
from optimerge.records.evidence import ENDING, TaskEvidence, evidence_of
from optimerge.records.prompts import read_items
from optimerge.records.run import Run
from optimerge.records.types import Trial

if TYPE_CHECKING:
    from numpy import ndarray

PROMPT = 60
"""Characters of a prompt's end that are printed."""


def compared(run: Run, trial: Trial, other: Trial) -> list[str]:
    """Return a line for each task and metric: documents scored, and won or lost against `other`."""
    mine, theirs = (evidence_of(run.artifacts, each) for each in (trial, other))
    lines = []
    for task in mine.tasks:
        rival = theirs.of(task.task, task.digest)
        for metric, values in task.values.items():
            line = f"  {task.task}, {metric}: {len(task.documents)} documents"
            if rival and other is not trial and values.ndim == 1 and _numbers(rival, metric):
                a, b = _paired(task, rival, metric)
                line += (
                    f"; higher than {other.name} on {int((a > b).sum())}, "
                    f"lower on {int((a < b).sum())}, equal on {int((a == b).sum())}"
                )
            lines.append(line)
    return lines


def item_lines(run: Run, trial: Trial, other: Trial, name: str) -> list[str]:
    """Return a table of a task's documents: outcome of the trial, of the other, and the prompt.

    RunError if the trial has no evidence of that task.
    """
    mine = evidence_of(run.artifacts, trial)
    task = next((t for t in mine.tasks if t.task == name), None)
    if task is None and trial.evidence and not mine.tasks:
        file = run.artifacts.shown(f"{trial.evidence}{ENDING}")
        waits = f" ({trial.late})" if trial.late else ""
        raise RunError(
            f"{run.folder}: the evidence of trial {trial.name}, {file}, is not there{waits}; "
            "look on the machine that scored it, or start runs with --artifacts"
        )
    if task is None:
        known = [t.task for t in mine.tasks]
        raise RunError(
            f"{run.folder}: trial {trial.name} has no evidence of task {name!r}"
            f"{did_you_mean(name, known) or f'; it has {known}'}"
        )
    rival = evidence_of(run.artifacts, other).of(task.task, task.digest)
    metrics = [metric for metric, values in task.values.items() if values.ndim == 1]
    head = ["document", *metrics, *(f"{metric} of {other.name}" for metric in metrics), "prompt"]
    return ["\t".join(head), *_rows(run, task, rival, metrics)]


def _rows(
    run: Run, task: TaskEvidence, rival: TaskEvidence | None, metrics: list[str]
) -> Iterator[str]:
    prompts = read_items(run.artifacts, task.digest)
    rows = {doc_id: row for row, doc_id in enumerate(rival.documents)} if rival else {}
    for row, doc_id in sorted(enumerate(task.documents), key=lambda each: each[1]):
        cells = [f"{task.values[metric][row]:g}" for metric in metrics]
        for metric in metrics:
            known = rival is not None and doc_id in rows and _numbers(rival, metric)
            cells.append(f"{rival.values[metric][rows[doc_id]]:g}" if rival and known else "-")
        prompt = prompts[doc_id].prompt if doc_id in prompts else ""
        said = f" -> {task.texts[doc_id]!r}" if doc_id in task.texts else ""
        short = prompt if len(prompt) <= PROMPT else "..." + prompt[-PROMPT:]
        yield "\t".join([str(doc_id), *cells, repr(short) + said])


def _numbers(task: TaskEvidence, metric: str) -> bool:
    """Whether a task has one number a document for a metric, not a row of them."""
    return metric in task.values and task.values[metric].ndim == 1


def _paired(one: TaskEvidence, other: TaskEvidence, metric: str) -> "tuple[ndarray, ndarray]":
    """Return both trials' values on the documents that both have."""
    rows = {doc_id: row for row, doc_id in enumerate(other.documents)}
    both = [(row, rows[doc_id]) for row, doc_id in enumerate(one.documents) if doc_id in rows]
    return (
        one.values[metric][[mine for mine, _ in both]],
        other.values[metric][[theirs for _, theirs in both]],
    )
