"""A Python function of the user's as an objective: `module:function` on the live model."""

import inspect
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from optimerge.errors import TaskError, TrialError, did_you_mean
from optimerge.objectives.context import Context
from optimerge.objectives.guard import evaluation_mode, lm_eval_seeds
from optimerge.objectives.imports import import_beside
from optimerge.objectives.prompts_file import digest_parts
from optimerge.objectives.protocol import Candidate
from optimerge.records.types import Direction, Score
from optimerge.space.objective_kinds.function import FunctionObjective

RESULT = "a number, (value, stderr), or {'value': ..., 'stderr': ..., 'items': ...}"


class FunctionScorer:
    """Calls `function(model, tokenizer)`.

    It returns a number, or (value, stderr), or a mapping with value and, if it likes, stderr and
    items. It is called without gradients and with all global generators seeded alike each time; it
    must not write weights, nor keep anything from one call for the next. What it raises fails the
    trial, with its traceback in the log.
    """

    def __init__(self, name: str, spec: FunctionObjective, context: Context) -> None:
        self.name, self.called = name, spec.function
        self.direction: Direction = spec.direction
        self._tokenizer = context.tokenizer
        where = f"objective {name!r}"
        if not context.allow_code:
            raise TaskError(
                f"{where}: function {spec.function!r} is Python code to run; "
                "read that code, and give --allow-code if you trust it"
            )
        self._function = load_function(where, spec.function, context.folder)
        self.digest = digest_parts(spec.function, iter([_source(self._function)]))

    @property
    def facts(self) -> str:
        """What `optimerge check` says of it."""
        return f"{self.called}(model, tokenizer)"

    def score(self, candidate: Candidate) -> Score:
        """Return what the function says."""
        start = perf_counter()
        with lm_eval_seeds(), evaluation_mode(candidate.model):
            try:
                found = self._function(candidate.model, self._tokenizer)
            except Exception as error:
                raise TrialError(
                    f"objective {self.name!r}: {self.called} raised "
                    f"{type(error).__name__}: {str(error).partition(chr(10))[0] or 'no message'}"
                ) from error
        value, stderr, items = self._read(found)
        return Score(value, stderr, items, self.direction, perf_counter() - start)

    def _read(self, found: Any) -> tuple[float, float | None, int]:
        parts: Mapping[str, Any] = {"value": found}
        if isinstance(found, Mapping):
            parts = found
        elif isinstance(found, tuple) and len(found) == 2:
            parts = {"value": found[0], "stderr": found[1]}
        try:
            value = float(parts["value"])
            stderr = None if parts.get("stderr") is None else float(parts["stderr"])
            items = int(parts.get("items", 0))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrialError(
                f"objective {self.name!r}: {self.called} returned {str(found)[:60]!r}, and must "
                f"return {RESULT}"
            ) from error
        if not math.isfinite(value) or (stderr is not None and not 0 <= stderr < math.inf):
            raise TrialError(
                f"objective {self.name!r}: {self.called} returned value {value}, stderr {stderr}"
            )
        return value, stderr, items


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


def _source(function: Callable[..., Any]) -> str:
    """Return the text of the function's file, "" where there is none."""
    try:
        file = inspect.getsourcefile(function)
    except TypeError:
        return ""
    return Path(file).read_text(encoding="utf-8", errors="replace") if file else ""
