"""What a task's YAML says of its scores, before lm-eval builds the task and loads its documents.

Reads what `lm_eval.api.task.ConfigurableTask` reads of metrics and filters, and no more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.groups import group_metric
from optimerge.objectives.loading import TaskLibrary, refuse_kind
from optimerge.objectives.metrics import Metric, choose_metric
from optimerge.objectives.options import check_shots
from optimerge.space.objectives import TaskObjective, objective_name


class Outline:
    """One task by its YAML; answers what `optimerge.objectives.metrics` asks of a built task."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.task_name = str(config.get("task"))
        self.OUTPUT_TYPE = str(config.get("output_type", "generate_until"))
        self.UNSAFE_CODE = bool(config.get("unsafe_code"))
        self.MULTIMODAL = bool(config.get("doc_to_image") or config.get("doc_to_audio"))

    def get_config(self, key: str) -> Any:
        """Return what the YAML says under a key, or None."""
        return self.config.get(key)

    def aggregation(self) -> Mapping[str, None]:
        """Return the names of its metrics, in its order; the functions are not loaded."""
        return dict.fromkeys(self.higher_is_better())

    def higher_is_better(self) -> Mapping[str, bool | None]:
        """Return by metric whether more is better; None where nothing says so."""
        import lm_eval.api.metrics  # noqa: F401  # registers lm-eval's metrics
        from lm_eval.api.registry import DEFAULT_METRIC_REGISTRY, is_higher_better

        listed = self.config.get("metric_list")
        if listed is None:
            names = DEFAULT_METRIC_REGISTRY.get(self.OUTPUT_TYPE, ())
            return {name: is_higher_better(name) for name in names}
        found: dict[str, bool | None] = {}
        for each in listed:
            name = str(each["metric"])
            name = name.rpartition(".")[2] if "/" in name else name  # of a `!function`
            higher = each.get("higher_is_better")
            found[name] = is_higher_better(name) if higher is None else bool(higher)
        return found


@dataclass(frozen=True)
class Outlined:
    """What the YAML says of an objective on a task or group."""

    spec: TaskObjective
    tasks: tuple[Outline, ...]
    """One, or a group's."""
    metric: Metric | None
    """None where only the task's own Python says which it has."""
    is_group: bool

    @property
    def num_fewshot(self) -> int:
        """Examples in a prompt, as the space or the (first) task says."""
        own = self.tasks[0].get_config("num_fewshot") if self.tasks else 0
        return int(self.spec.num_fewshot if self.spec.num_fewshot is not None else own or 0)


def outlined(library: TaskLibrary, spec: TaskObjective) -> Outlined:
    """Find an objective's task and metric by YAML alone; TaskError for what is not there."""
    entry = library.find(spec)
    is_group = entry.kind.name == "GROUP"
    try:
        tasks = tuple(_members(library.index, entry.cfg or {}, {}))
        for task in tasks:
            refuse_kind(task, spec)
            check_shots(task, spec)
        return Outlined(spec, tasks, _metric(spec, tasks, entry.cfg, is_group), is_group)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TaskError(
            f"objective {objective_name(spec)!r}: {entry.yaml_path} says what no task does "
            f"({type(error).__name__}: {error}); mend it"
        ) from error


def _metric(
    spec: TaskObjective, tasks: Sequence[Outline], config: Any, is_group: bool
) -> Metric | None:
    if not tasks or any("class" in task.config for task in tasks):
        return None
    if not is_group:
        return choose_metric(tasks[0], spec)
    from lm_eval.config.group import GroupConfig

    own = {key: config.get(key) for key in ("group", "aggregate_metric_list")}
    metric, _ = group_metric(GroupConfig(**own), tasks, spec)
    return metric


def _members(
    index: Mapping[str, Any], config: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[Outline]:
    """Yield the tasks of an entry's YAML, those of groups in it too; `given` goes before it."""
    if "group" not in config:
        yield Outline({**config, **given})
        return
    listed = config.get("task")
    for item in listed if isinstance(listed, list) else [listed]:
        own = item if isinstance(item, dict) else {}
        name = str(own.get("group") or own.get("task") or item)
        more = {k: v for k, v in own.items() if k not in ("group", "task")}
        entry = index.get(name)
        if entry is None:
            yield from _members(index, own, given)
        elif entry.kind.name == "TAG":
            for task in sorted(entry.tags):
                yield Outline({**index[task].cfg, **given, **more})
        else:
            yield from _members(index, entry.cfg or {}, {**given, **more})
