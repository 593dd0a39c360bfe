"""Numbers of trials that several screens show."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from optimerge.front.losses import best
from optimerge.front.task_mean import is_in_shown_mean
from optimerge.records.types import Direction, Trial


def task_names(trials: Iterable[Trial], objectives: Mapping[str, Direction]) -> list[str]:
    """Return the objectives that are scores on items and are maximised."""
    first = next((t for t in trials if t.scores), None)
    if first is None:
        return []
    return [n for n, d in objectives.items() if is_in_shown_mean(d) and first.scores[n].items]


def mean_of(trial: Trial, tasks: Sequence[str]) -> float:
    """Return the plain mean of a trial's scores on the tasks."""
    return fmean(trial.scores[name].value for name in tasks)


def best_values(trials: Sequence[Trial], objectives: Mapping[str, Direction]) -> dict[str, float]:
    """Return the best value of each objective; NaN while there is none."""
    found = {}
    for name, direction in objectives.items():
        values = [t.scores[name].value for t in trials if name in t.scores]
        found[name] = values[best(values, direction)] if values else float("nan")
    return found
