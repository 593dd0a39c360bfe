"""Builds one candidate and scores it; what goes wrong becomes part of the record."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from optimerge.errors import OptimergeError, TrialError
from optimerge.objectives.evaluation import Race, Scored
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.tokens.memory import free_memory
from optimerge.recipe.schema import Recipe
from optimerge.records.secrets import redacted_text
from optimerge.records.types import MergeStats
from optimerge.search.parent_answers import look_at_parents
from optimerge.search.session import Session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of one candidate: scores, or the reason why there are none."""

    scored: Scored | None = None
    stats: MergeStats | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    constraints: Mapping[str, float] = field(default_factory=dict)
    """By constraint how far beyond its limit the candidate is; always in the same order."""
    values: Sequence[float] = ()
    """Of the objectives that are optimised, in the study's order."""


def attempt(
    session: Session,
    recipe: Recipe,
    race: Race | None = None,
    record: Callable[[Outcome], object] = lambda _: None,
) -> Outcome:
    """Write the candidate into the resident model and score it, until it loses the race.

    Whatever goes wrong with one candidate (NaN, out of memory, a task that raises, more time than
    `trial_timeout`) is returned as its error, with the traceback in the log: the night goes on.
    `record` is called, in another thread, with the outcome of one that hangs and cannot be stopped;
    then this does not return, and the process is replaced.
    """
    try:
        return session.watch.guard(
            lambda: _attempt(session, recipe, race), lambda reason: record(Outcome(error=reason))
        )
    except TrialError as late:
        free_memory()
        return Outcome(error=str(late))


def _attempt(session: Session, recipe: Recipe, race: Race | None) -> Outcome:
    started = time.perf_counter()
    stats: MergeStats | None = None
    try:
        look_at_parents(session)
        stats = session.engine.apply(recipe)
        merged = time.perf_counter()
        scored = session.evaluation.score(Candidate(session.engine.model, stats), race)
        _refuse_what_is_no_number(scored)
    except OptimergeError as error:
        log.warning("candidate failed: %s", error, exc_info=error.__cause__)
        return Outcome(stats=stats, error=redacted_text(str(error)))
    except Exception as error:  # the one place where a candidate's failure is caught
        log.exception("candidate failed")
        free_memory()  # an out-of-memory candidate is to cost only itself
        return Outcome(stats=stats, error=f"{type(error).__name__}: {_first_line(error)}")
    seconds = {"merge": merged - started, "score": time.perf_counter() - merged, **scored.seconds}
    kept = {b.name: b.excess(scored.scores[b.objective].value) for b in session.space.bounds}
    values = [scored.scores[name].value for name in session.space.optimized]
    return Outcome(scored, stats, seconds, constraints=kept, values=values)


def _refuse_what_is_no_number(scored: Scored) -> None:
    """Raise TrialError for a score that cannot be compared: a plug-in's may be anything."""
    for name, score in scored.scores.items():
        if not math.isfinite(score.value):
            raise TrialError(
                f"objective {name!r}: its score is {score.value}, which is no number to compare"
            )


def _first_line(error: Exception) -> str:
    return redacted_text(str(error)).strip().partition("\n")[0] or "no message"
