"""Which number of a task an objective is: metric, filter, direction, aggregation, error."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError, did_you_mean
from optimerge.front.racing.estimate import partial_estimate
from optimerge.objectives.added_metrics import ADDED, NO_GOLD, choice_items
from optimerge.objectives.standard_errors import error_of
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


def added_metrics(task: Any) -> tuple[str, ...]:
    """Return the names of the metrics of `added_metrics` that a task can give beside its own."""
    kind = task.OUTPUT_TYPE
    if kind not in ("multiple_choice", "loglikelihood") or _why_not(task):
        return ()
    names = tuple(ADDED) if kind == "multiple_choice" else ("log_loss",)
    return tuple(name for name in names if name not in task.aggregation())


def choose_metric(task: Any, spec: TaskObjective) -> Metric:
    """Return the metric that a spec names; by default the task's first, with its first filter."""
    known, start = task_metrics(task), f"objective {objective_name(spec)!r}: task {spec.task!r}"
    asked = spec.metric or (known[0] if known else "")
    if not asked:
        raise TaskError(f"{start} has no metric; give its YAML a metric_list")
    name, comma, chosen = asked.partition(",")
    if not comma:
        chosen = _filters(task)[0]
    if name in added_metrics(task) and chosen in _filters(task):
        return Metric(name, chosen, "maximize" if ADDED[name][1] else "minimize")
    if name in ADDED and name not in task.aggregation():
        raise TaskError(f"{start} cannot give {name!r}: {_why_not(task) or _wrong_kind(task)}")
    if f"{name},{chosen}" not in known:
        names = [*known, *task.aggregation(), *added_metrics(task)]
        raise TaskError(
            f"{start} has no metric {asked!r}{did_you_mean(asked, names) or ';'} "
            f"it has {', '.join(known)}" + "".join(f", {each}" for each in added_metrics(task))
        )
    higher = task.higher_is_better().get(name)
    if higher is None:
        raise TaskError(
            f"{start} does not say whether a higher {name!r} is better; set higher_is_better in "
            "the task's metric_list"
        )
    return Metric(name, chosen, "maximize" if higher else "minimize")


def added_values(task: Any, doc: Any, answers: Sequence[Any]) -> dict[str, Any]:
    """Return a document's items for the added metrics, from its answers as filtered.

    `answers`: as `process_results` gets them, (log-likelihood, whether greedy) for each option.
    """
    names = added_metrics(task)
    if not names:
        return {}
    if task.OUTPUT_TYPE == "loglikelihood":
        return {"log_loss": -float(answers[0][0])} if len(answers) == 1 else {}
    items = choice_items(_gold(task, doc), [float(answer[0]) for answer in answers])
    return {name: items[name] for name in names}


def aggregation(task: Any, metric: str) -> Callable[[Sequence[Any]], Any]:
    """Return the function from a metric's values, one a document, to its score."""
    own: dict[str, Callable[[Sequence[Any]], Any]] = task.aggregation()
    return own[metric] if metric in own else ADDED[metric][0]


def standard_error(task: Any, metric: str, values: Sequence[Any], of: int) -> float | None:
    """Return a score's standard error over documents; None where it is unknown, or for one.

    `of`: documents in all; a mean over a part of them is off from that over all by less than from
    the mean over documents like them.
    """
    if len(values) < of and is_mean(task, metric):
        bounds = (0.0, 1.0) if metric in BOUNDED else None
        return partial_estimate(values, of, bounds).stderr if len(values) > 1 or bounds else None
    return error_of(aggregation(task, metric), values)


def is_mean(task: Any, metric: str) -> bool:
    """Whether the metric is the plain mean over documents."""
    from lm_eval.api.metrics import mean

    return aggregation(task, metric) is mean


def is_bounded(metric: str, values: "ndarray") -> bool:
    """Whether the outcomes of documents lie between 0 and 1, here and wherever else.

    Only of metrics that do by their name: of others, what was seen says nothing of the rest.
    """
    return metric in BOUNDED and bool(((values >= 0) & (values <= 1)).all())


def check_items(task: Any, spec: TaskObjective, metric: str, docs: Iterable[Any]) -> None:
    """Raise TaskError if an added metric cannot be computed on these documents."""
    if metric in task.aggregation():
        return
    start = f"objective {objective_name(spec)!r}: {metric} on task {task.task_name!r}"
    golds, options = set[int](), set[int]()
    for doc in docs if task.OUTPUT_TYPE == "multiple_choice" else ():
        golds.add(_gold(task, doc))
        options.add(len(task.doc_to_choice(doc)))
    if NO_GOLD in golds:
        raise TaskError(f"{start}: the answer of a document is none of its options; mend it")
    if metric == "auc_roc" and len(golds) == 1:
        raise TaskError(
            f"{start} is not defined: option {min(golds) + 1} is the answer of every chosen "
            "document; raise search_items or test_items, or choose another metric"
        )
    if metric == "auc_roc" and len(options) > 1:
        raise TaskError(
            f"{start} needs documents with the same number of options, and they have "
            f"{min(options)} to {max(options)}; choose another metric"
        )


def _gold(task: Any, doc: Any) -> int:
    """Return the place of the right option, by lm-eval's rules; NO_GOLD if it is none."""
    gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    choices = task.doc_to_choice(doc)
    if isinstance(gold, str):
        return choices.index(gold) if gold in choices else NO_GOLD
    return int(gold) if 0 <= int(gold) < len(choices) else NO_GOLD


def _why_not(task: Any) -> str:
    """Return why a task's answers give no added metric; "" if they do."""
    if getattr(task, "multiple_target", 0):
        return "its documents have several right answers; choose one of its own metrics"
    if "acc_mutual_info" in task.aggregation():
        return "acc_mutual_info asks each option twice; take that out of its metric_list"
    return ""


def _wrong_kind(task: Any) -> str:
    return (
        f"its output_type is {task.OUTPUT_TYPE}; only multiple_choice tasks give "
        f"{', '.join(ADDED)}, and loglikelihood tasks log_loss; choose another metric"
    )


def _filters(task: Any) -> list[str]:
    return [each["name"] for each in task.get_config("filter_list") or ()] or ["none"]
