"""Finds lm-eval tasks and groups by name, local ones first, and loads their documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimerge.errors import TaskError, did_you_mean
from optimerge.objectives import built_in
from optimerge.objectives.consent import refuse_code, sandbox_templates
from optimerge.objectives.downloads import is_of_data, line, quick_without_network, why_no_data
from optimerge.objectives.examples import example_split
from optimerge.objectives.guard import lm_eval_seeds, no_bars
from optimerge.objectives.options import set_options
from optimerge.objectives.task_files import check_task_files
from optimerge.space.objectives import TaskObjective, objective_name


@dataclass(frozen=True)
class Loaded:
    """What a name stands for: one task, or a group and its tasks."""

    tasks: tuple[Any, ...]
    """New lm-eval task objects, each with the objective's settings."""
    examples_from: tuple[str | None, ...]
    """The split that each draws examples from; None if its YAML fixes them."""
    group: Any = None
    """lm-eval's group object, if the name is a group's."""


class TaskLibrary:
    """The tasks of one include_path, and lm-eval's own."""

    def __init__(self, include_path: Path | None, *, allow_code: bool = False) -> None:
        from lm_eval.tasks import TaskManager

        if include_path is not None and not include_path.is_dir():
            raise TaskError(
                f"include_path: {include_path} is not a folder; name the folder that holds the "
                "tasks' YAML files, or leave include_path out"
            )
        if include_path is not None:
            check_task_files(include_path)
        sandbox_templates(allow_code=allow_code)
        self.include_path = include_path
        self.allow_code = allow_code
        self._manager: Any = TaskManager(
            include_defaults=False, include_path=None if include_path is None else str(include_path)
        )
        self._local = tuple(self._manager.all_tasks)

    def load(self, spec: TaskObjective) -> tuple[Any, int]:
        """Return a new lm-eval task object, its settings set, and how many documents it has."""
        loaded = self.load_all(spec)
        if loaded.group is not None:
            names = ", ".join(task.task_name for task in loaded.tasks)
            raise TaskError(f"{spec.task!r} is a group of lm-eval; name one of its tasks: {names}")
        (task,) = loaded.tasks
        return task, len(task.eval_docs)

    @property
    def index(self) -> Mapping[str, Any]:
        """lm-eval's index entries by name: of local tasks, and of all that was found."""
        found: Mapping[str, Any] = self._manager.task_index
        return found

    def find(self, spec: TaskObjective) -> Any:
        """Return lm-eval's index entry of a task or group; its members are in the index then.

        Reads YAML alone, no documents. TaskError for a name that is not there or has no score,
        and for code that nobody allowed.
        """
        entry = self._entry(spec)
        if entry.kind.name == "TAG":
            raise TaskError(
                f"objective {objective_name(spec)!r}: {spec.task!r} is a tag of lm-eval, which has "
                f"no score; name its tasks, one objective each: {', '.join(sorted(entry.tags))}"
            )
        if not self.allow_code:
            self._refuse_code(entry, set())
        return entry

    def load_all(self, spec: TaskObjective, split: str | None = None) -> Loaded:
        """Load a task, or all tasks of a group; `split`: to be scored on this one."""
        entry = self.find(spec)
        config = entry.cfg if isinstance(entry.cfg, dict) else {}
        with lm_eval_seeds(), no_bars(), quick_without_network(config):
            try:
                found = self._manager.load([spec.task])
                for task in found["tasks"].values():
                    len(task.eval_docs)
            except Exception as error:
                raise TaskError(_cannot_load(spec, entry, error)) from error
            tasks = tuple(found["tasks"].values())
            examples_from = tuple(example_split(task) for task in tasks)
            for task in tasks:
                refuse_kind(task, spec)
                set_options(task, spec, split)
        return Loaded(tasks, examples_from, found["groups"].get(spec.task))

    def _entry(self, spec: TaskObjective) -> Any:
        """Return lm-eval's index entry of the name; those of its members are in the index too."""
        index: dict[str, Any] = self._manager.task_index
        if not built_in.add_built_in(index, spec.task):
            place = "task" if self.include_path is None else f"task of {self.include_path} or"
            raise TaskError(
                f"objective {objective_name(spec)!r}: no {place} of lm-eval is called {spec.task!r}"
                f"{self._hint() or self._near(spec.task) or self._where()}"
            )
        built_in.add_members(index, spec.task)
        return index[spec.task]

    def _near(self, name: str) -> str:
        known = built_in.names(built_in.folder())
        return did_you_mean(name, [*self._local, *known.files, *known.tags])

    def _refuse_code(self, entry: Any, seen: set[str]) -> None:
        """Refuse code in the files of a task or group that are not lm-eval's own."""
        seen.add(entry.name)
        if entry.yaml_path is not None:
            file = Path(entry.yaml_path)
            if not file.is_relative_to(built_in.folder()):
                refuse_code(entry.name, file)
        for name in self._parts(entry):
            if name not in seen and name in self._manager.task_index:
                self._refuse_code(self._manager.task_index[name], seen)

    def _parts(self, entry: Any) -> Iterator[str]:
        yield from entry.tags if entry.kind.name == "TAG" else ()
        yield from built_in.members(entry.cfg or {})

    def _where(self) -> str:
        own = "" if self.include_path else ", `include_path: FOLDER` adds your own"
        return f"; `lm-eval ls tasks` lists them{own}"

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
                return f"; {file} cannot be read, mend it: {line(error)}"
        return ""


def _cannot_load(spec: TaskObjective, entry: Any, error: Exception) -> str:
    config = entry.cfg if isinstance(entry.cfg, dict) else {}
    start, kind = f"objective {objective_name(spec)!r}: ", entry.kind.name.lower().split("_")[-1]
    if is_of_data(error):
        path = config.get("dataset_path")
        data = f"the dataset {path!r}" if path else "a dataset"
        return f"{start}{data} of {kind} {spec.task!r} {why_no_data(error)}"
    if any(words in str(error) for words in ("bounds for size 0", "corresponds to no data")):
        return f"{start}{kind} {spec.task!r} has no documents to score; check its data and splits"
    return (
        f"{start}lm-eval cannot build {kind} {spec.task!r} ({line(error)}); mend {entry.yaml_path}"
    )


def refuse_kind(task: Any, spec: TaskObjective) -> None:
    """Raise TaskError for a task that runs the model's code, or is not on text alone."""
    start = f"objective {objective_name(spec)!r}: task {task.task_name!r}"
    if getattr(task, "UNSAFE_CODE", False):
        raise TaskError(f"{start} runs code that the model writes; choose another task")
    if getattr(task, "MULTIMODAL", False):
        raise TaskError(f"{start} needs images or sound; choose a task on text alone")
