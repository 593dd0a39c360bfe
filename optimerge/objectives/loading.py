"""Finds lm-eval tasks by name, local ones first, and loads their documents."""

from functools import cache
from pathlib import Path
from typing import Any

from optimerge.errors import TaskError, did_you_mean
from optimerge.objectives.consent import refuse_code
from optimerge.objectives.guard import OTHER_SEED, lm_eval_seeds, no_bars
from optimerge.space.objectives import TaskObjective, objective_name

_DOWNLOADERS = ("datasets", "fsspec", "httpx", "huggingface_hub", "requests")


class TaskLibrary:
    """The tasks of one include_path, and lm-eval's own.

    lm-eval's index takes ten seconds to read, so it is read only for a name that is not local.
    """

    def __init__(self, include_path: Path | None, *, allow_code: bool = False) -> None:
        from lm_eval.tasks import TaskManager

        if include_path is not None and not include_path.is_dir():
            raise TaskError(
                f"include_path: {include_path} is not a folder; name the folder that holds the "
                "tasks' YAML files, or leave include_path out"
            )
        self.include_path = include_path
        self.allow_code = allow_code
        self._local: Any = TaskManager(
            include_defaults=False, include_path=None if include_path is None else str(include_path)
        )

    def load(self, spec: TaskObjective) -> tuple[Any, int]:
        """Return a new lm-eval task object, its examples set, and how many documents it has."""
        is_local = spec.task in self._local.all_tasks
        manager = self._local if is_local else self._built_in(spec)
        if spec.task not in manager.all_subtasks:
            kind = "group" if spec.task in manager.all_groups else "tag"
            raise TaskError(
                f"objective {objective_name(spec)!r}: {spec.task!r} is a {kind} of lm-eval, not "
                "a task; name its tasks, one objective each"
            )
        if is_local and not self.allow_code:
            refuse_code(spec.task, Path(manager.task_index[spec.task].yaml_path))
        with lm_eval_seeds(), no_bars():
            try:
                (task,) = manager.load([spec.task])["tasks"].values()
                documents = len(task.eval_docs)
            except Exception as error:
                raise TaskError(_cannot_load(spec, manager, error)) from error
        _refuse(task, spec)
        _set_fewshot(task, spec)
        return task, documents

    def _built_in(self, spec: TaskObjective) -> Any:
        manager = _built_in_manager()
        if spec.task in manager.all_tasks:
            return manager
        place = "task" if self.include_path is None else f"task of {self.include_path} or"
        known = [*self._local.all_tasks, *manager.all_tasks]
        raise TaskError(
            f"objective {objective_name(spec)!r}: no {place} of lm-eval is called {spec.task!r}"
            f"{self._hint() or did_you_mean(spec.task, known) or _LIST}"
        )

    def _hint(self) -> str:
        """Say what is wrong with include_path: lm-eval passes over files it cannot read."""
        from lm_eval.tasks._yaml_loader import load_yaml

        if self.include_path is None:
            return ""
        files = sorted(self.include_path.glob("**/*.yaml"))
        if not files:
            return f"; {self.include_path} holds no .yaml file, set include_path to one that does"
        for file in files:
            try:
                load_yaml(file, resolve_func=False)
            except Exception as error:
                return f"; {file} cannot be read, mend it: {_line(error)}"
        return ""


_LIST = "; `lm-eval ls tasks` lists them"


@cache
def _built_in_manager() -> Any:
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _cannot_load(spec: TaskObjective, manager: Any, error: Exception) -> str:
    entry = manager.task_index[spec.task]
    config = entry.cfg if isinstance(entry.cfg, dict) else {}
    start = f"objective {objective_name(spec)!r}: "
    module = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) or module in _DOWNLOADERS:
        return (
            f"{start}the dataset {config.get('dataset_path', 'of the task')!r} of task "
            f"{spec.task!r} cannot be loaded ({_line(error)}); check its data_files, or run "
            "`optimerge check` once with a network to download it"
        )
    return (
        f"{start}lm-eval cannot build task {spec.task!r} ({_line(error)}); mend {entry.yaml_path}"
    )


def _refuse(task: Any, spec: TaskObjective) -> None:
    start = f"objective {objective_name(spec)!r}: task {spec.task!r}"
    if getattr(task, "UNSAFE_CODE", False):
        raise TaskError(f"{start} runs code that the model writes; choose another task")
    if getattr(task, "MULTIMODAL", False):
        raise TaskError(f"{start} needs images or sound; choose a task on text alone")


def _set_fewshot(task: Any, spec: TaskObjective) -> None:
    given, wanted = task.get_config("num_fewshot"), spec.num_fewshot
    if given == 0 and wanted:
        # lm-eval ignores the number silently; a score must be what the space says.
        raise TaskError(
            f"objective {objective_name(spec)!r}: num_fewshot {wanted} has no effect, task "
            f"{spec.task!r} is fixed at 0; set num_fewshot in its YAML, or leave it out here"
        )
    shots = wanted if wanted is not None else given or 0
    task.set_config("num_fewshot", shots)
    task.set_fewshot_seed(OTHER_SEED)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text[:300]}"
