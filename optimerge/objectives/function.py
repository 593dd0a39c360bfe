"""A Python function of the user's as an objective: `module:function` on the live model."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optimerge.errors import TaskError, did_you_mean
from optimerge.objectives.called import CalledScorer
from optimerge.objectives.context import Context
from optimerge.objectives.imports import import_beside
from optimerge.objectives.prompts_file import digest_parts
from optimerge.objectives.protocol import Candidate
from optimerge.space.objective_kinds.function import FunctionObjective


class FunctionScorer(CalledScorer):
    """Calls `function(model, tokenizer)`: see `CalledScorer`."""

    def __init__(self, name: str, spec: FunctionObjective, context: Context) -> None:
        super().__init__(name, spec.function, spec.direction)
        self._tokenizer = context.tokenizer
        where = f"objective {name!r}"
        if not context.allow_code:
            raise TaskError(
                f"{where}: function {spec.function!r} is Python code to run; "
                "read that code, and give --allow-code if you trust it"
            )
        self._function = load_function(where, spec.function, context.folder)
        self.digest = digest_parts(spec.function, iter([source_of(self._function)]))

    @property
    def facts(self) -> str:
        """What `optimerge check` says of it."""
        return f"{self.called}(model, tokenizer)"

    def call(self, candidate: Candidate) -> Any:
        """Return what the function says."""
        return self._function(candidate.model, self._tokenizer)


def load_function(where: str, name: str, folder: Path) -> Callable[[Any, Any], Any]:
    """Import `module:function`, from the folder first. TaskError if that cannot be done."""
    module_name, _, function = name.partition(":")
    file = folder.joinpath(*module_name.split(".")).with_suffix(".py")
    try:
        module = import_beside(folder, module_name)
    except Exception as error:
        raise TaskError(
            f"{where}: function {name!r}: {module_name} cannot be imported "
            f"({type(error).__name__}: {error}); put it at {file}, or mend it"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        known = [each for each in vars(module) if callable(getattr(module, each))]
        raise TaskError(
            f"{where}: function {name!r}: {module_name} has no function {function!r}"
            f"{did_you_mean(function, known)}"
        )
    return found  # type: ignore[no-any-return]  # what it takes shows when it is called


def source_of(function: Callable[..., Any]) -> str:
    """Return the text of the function's file, "" where there is none."""
    try:
        file = inspect.getsourcefile(function)
    except TypeError:
        return ""
    return Path(file).read_text(encoding="utf-8", errors="replace") if file else ""
