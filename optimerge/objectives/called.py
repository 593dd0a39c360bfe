"""Objectives that are a call: what it returns is read strictly, what it raises fails the trial.

It is called without gradients, in evaluation mode, with all global generators seeded alike each
time; it must not write weights, nor keep anything from one call for the next.
"""

import math
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from optimerge.errors import TrialError
from optimerge.objectives.guard import evaluation_mode, lm_eval_seeds
from optimerge.objectives.protocol import Candidate
from optimerge.records.types import Direction, Score

RESULT = "a number, (value, stderr), or {'value': ..., 'stderr': ..., 'items': ...}"


class CalledScorer:
    """Calls something with a candidate; subclasses say what."""

    def __init__(self, name: str, called: str, direction: Direction) -> None:
        self.name, self.called = name, called
        self.direction: Direction = direction

    def call(self, candidate: Candidate) -> Any:
        """Return a number, or (value, stderr), or a mapping with value, stderr and items."""
        raise NotImplementedError

    def score(self, candidate: Candidate) -> Score:
        """Return what the call says; TrialError if it raises, or returns no score."""
        start = perf_counter()
        with lm_eval_seeds(), evaluation_mode(candidate.model):
            try:
                found = self.call(candidate)
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
