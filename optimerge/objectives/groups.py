"""One metric of an lm-eval group, as an objective: its tasks' scores in one, as lm-eval does it."""

from collections.abc import Mapping, Sequence
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.added_metrics import ADDED
from optimerge.objectives.items import digest_items
from optimerge.objectives.metrics import Metric, added_metrics, choose_metric, task_metrics
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.runs import TaskAnswers, TaskRun
from optimerge.objectives.scorer import TaskScorer
from optimerge.records.types import Score
from optimerge.space.objectives import TaskObjective, objective_name


class GroupScorer(OnTasks):
    """The mean of a metric over a group's tasks: by documents, or plain where the group says so.

    Value and standard error are those of lm-eval's `Group.aggregate`.
    """

    def __init__(
        self, name: str, group: Any, metric: Metric, members: Sequence[TaskScorer]
    ) -> None:
        runs = tuple(member.run for member in members)
        super().__init__(name, metric, runs, members[0].answering)
        self.members = tuple(members)
        self._group = _one_metric(group, metric, [member.run.task for member in members])

    @property
    def by_size(self) -> bool:
        """Whether tasks weigh as many as they have documents; else all the same."""
        return bool(self._group.aggregate_metric_list[0].weight_by_size)

    @property
    def digest(self) -> str:
        """32 hex digits of the tasks' names, the ids scored and their prompts."""
        return digest_items(self._group.name, [(0, (m.digest,)) for m in self.members])

    def combine(
        self, answers: Mapping[TaskRun, TaskAnswers], seconds: Mapping[TaskRun, float]
    ) -> Score:
        """Reduce the answers of its runs; `seconds`: its part of what each run took."""
        scores = [member.combine(answers, seconds) for member in self.members]
        error_key = f"{self.metric.name}_stderr,{self.metric.filter}"
        found = self._group.aggregate(
            {
                member.run.name: {
                    str(self.metric): score.value,
                    error_key: "N/A" if score.stderr is None else score.stderr,
                    "sample_len": score.items,
                }
                for member, score in zip(self.members, scores, strict=True)
            }
        )
        error = found[error_key]
        return Score(
            value=float(found[str(self.metric)]),
            stderr=None if error == "N/A" else float(error),
            items=sum(score.items for score in scores),
            direction=self.direction,
            seconds=sum(score.seconds for score in scores),
        )


def group_metric(group: Any, tasks: Sequence[Any], spec: TaskObjective) -> tuple[Metric, list[Any]]:
    """Return the metric that a spec names of a group, and the tasks that have it.

    By default the first that the group's aggregate_metric_list names. Tasks without the metric
    are left out, as lm-eval does.
    """
    start = f"objective {objective_name(spec)!r}: group {spec.task!r}"
    names = ", ".join(task.task_name for task in tasks)
    listed = group.aggregate_metric_list or ()
    if not listed:
        raise TaskError(
            f"{start} has no aggregate_metric_list, so lm-eval gives it no score; name its tasks, "
            f"one objective each: {names}"
        )
    known = group_metrics(group, tasks)
    asked = spec.metric or (known[0] if known else "")
    added = [name for name in ADDED if all(name in added_metrics(task) for task in tasks)]
    chosen = [each for each in known if asked in (each, each.partition(",")[0])]
    if not chosen and asked.partition(",")[0] not in added:
        raise TaskError(
            f"{start} has no metric {asked!r}; it has {', '.join([*known, *added]) or 'none'}"
        )
    wanted = spec.model_copy(update={"metric": chosen[0] if chosen else asked})
    having = [task for task in tasks if not chosen or chosen[0] in task_metrics(task)]
    found = {choose_metric(task, wanted) for task in having}
    if len(found) > 1:
        raise TaskError(f"{start}: its tasks do not agree whether a higher {asked!r} is better")
    return found.pop(), having


def group_metrics(group: Any, tasks: Sequence[Any]) -> list[str]:
    """Return the names of all numbers that a group gives, `metric,filter`, in its own order."""
    given = [name for task in tasks for name in task_metrics(task)]
    found = [
        name
        for listed in group.aggregate_metric_list or ()
        for name in given
        if name.partition(",")[0] == listed.metric
        and (listed.filter_list is None or name.partition(",")[2] in listed.filter_list)
    ]
    return list(dict.fromkeys(found))


def _one_metric(group: Any, metric: Metric, tasks: Sequence[Any]) -> Any:
    """Return lm-eval's group with this metric alone: it warns of every one that is not given."""
    from lm_eval.api.group import Group
    from lm_eval.config.group import AggMetricConfig

    listed = group.aggregate_metric_list
    own = next((each for each in listed if each.metric == metric.name), listed[0])
    single = AggMetricConfig(metric.name, [metric.filter], weight_by_size=own.weight_by_size)
    found = Group(group.name, aggregate_metric_list=[single])
    for task in tasks:
        found.add(task)
    return found
