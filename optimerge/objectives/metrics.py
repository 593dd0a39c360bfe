"""Which number of a task an objective is: metric, filter, direction, aggregation, error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError, did_you_mean
from optimerge.front.racing.estimate import partial_estimate
from optimerge.records.types import Direction
from optimerge.space.objectives import TaskObjective, objective_name

if TYPE_CHECKING:
    from numpy import ndarray

BOUNDED = frozenset(
    ("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "likelihood")
)
"""Metrics of lm-eval whose outcome on a document lies between 0 and 1."""


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


def standard_error(task: Any, metric: str, values: Sequence[Any], of: int) -> float | None:
    """Return the standard error of a mean over items; None for other aggregations or one item.

    The closed form is lm-eval's. Its bootstrap (minutes for f1, mcc) has no place in the loop.
    `of`: items in all; of a part of them the error is that of the mean over all, which is smaller.
    """
    from lm_eval.api.metrics import mean_stderr

    if not is_mean(task, metric):
        return None
    if len(values) < of:
        bounds = (0.0, 1.0) if metric in BOUNDED else None
        return partial_estimate(values, of, bounds).stderr if len(values) > 1 or bounds else None
    return float(mean_stderr(values)) if len(values) > 1 else None


def is_mean(task: Any, metric: str) -> bool:
    """Whether the metric is the plain mean over documents."""
    from lm_eval.api.metrics import mean

    return task.aggregation()[metric] is mean


def is_bounded(metric: str, values: "ndarray") -> bool:
    """Whether the outcomes of documents lie between 0 and 1, here and wherever else.

    Known of lm-eval's own metrics by name; believed of another if all it gave is 0 or 1.
    """
    inside = bool(((values >= 0) & (values <= 1)).all())
    return inside and (metric in BOUNDED or bool(((values == 0) | (values == 1)).all()))


def _filters(task: Any) -> list[str]:
    return [each["name"] for each in task.get_config("filter_list") or ()] or ["none"]
