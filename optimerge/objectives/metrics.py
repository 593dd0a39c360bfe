"""Which number of a task an objective is: metric, filter, direction, aggregation, error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optimerge.errors import TaskError, did_you_mean
from optimerge.records.types import Direction
from optimerge.space.objectives import TaskObjective, objective_name


@dataclass(frozen=True)
class Metric:
    """One number of a task, as lm-eval names it: `acc,none`."""

    name: str
    filter: str
    direction: Direction

    def __str__(self) -> str:
        return f"{self.name},{self.filter}"


def task_metrics(task: Any) -> list[str]:
    """Return the names of all numbers a task gives, `metric,filter`, its own order."""
    return [f"{metric},{each}" for metric in task.aggregation() for each in _filters(task)]


def choose_metric(task: Any, spec: TaskObjective) -> Metric:
    """Return the metric that a spec names; by default the task's first, with its first filter."""
    known = task_metrics(task)
    if not known:
        raise TaskError(
            f"objective {objective_name(spec)!r}: task {spec.task!r} has no metric; "
            "give its YAML a metric_list"
        )
    name, comma, chosen = (spec.metric or known[0]).partition(",")
    if not comma:
        chosen = _filters(task)[0]
    if f"{name},{chosen}" not in known:
        asked = spec.metric or ""
        names = [*known, *task.aggregation()]
        raise TaskError(
            f"objective {objective_name(spec)!r}: task {spec.task!r} has no metric {asked!r}"
            f"{did_you_mean(asked, names) or ';'} it has {', '.join(known)}"
        )
    higher = task.higher_is_better().get(name)
    if higher is None:
        raise TaskError(
            f"objective {objective_name(spec)!r}: task {spec.task!r} does not say whether a higher "
            f"{name!r} is better; set higher_is_better in the task's metric_list"
        )
    return Metric(name, chosen, "maximize" if higher else "minimize")


def standard_error(task: Any, metric: str, values: Sequence[Any]) -> float | None:
    """Return the standard error of a mean over items; None for other aggregations or one item.

    The closed form is lm-eval's. Its bootstrap (minutes for f1, mcc) has no place in the loop.
    """
    from lm_eval.api.metrics import mean, mean_stderr

    if task.aggregation()[metric] is not mean or len(values) < 2:
        return None
    return float(mean_stderr(values))


def _filters(task: Any) -> list[str]:
    return [each["name"] for each in task.get_config("filter_list") or ()] or ["none"]
