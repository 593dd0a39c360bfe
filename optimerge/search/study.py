"""The loop: ask, build, score, tell, until the budget is used.

    for trial in ask(until trials or hours are used):   # made while the one before was scored
        recipe = space.recipe(trial.params)
        stats  = engine.apply(recipe)          # in place, in the resident model
        scores = [objective.score(engine.model) for objective in objectives]
        tell(trial, scores, stats)

The study (Optuna's, in the run folder) is the only record; nothing else is kept between trials.
"""

from collections.abc import Callable
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from optimerge.errors import RunError
from optimerge.recipe.write import recipe_text
from optimerge.records.attributes import as_trial
from optimerge.records.types import Trial
from optimerge.search.budget import Budget, Stop
from optimerge.search.candidate import Outcome, attempt
from optimerge.search.next_trial import Begun, begin_next, prepare_next
from optimerge.search.parents import add_parent_points, fix_reference, score_parents
from optimerge.search.proposer import Proposer
from optimerge.search.samplers.registry import NamedSampler
from optimerge.search.samplers.unrepeated import SpaceUsedUpError
from optimerge.search.session import Session
from optimerge.search.start.enqueue import enqueue_starts
from optimerge.search.tell import finish, put_back, put_back_on_failure, telling_of_disk

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FAILURES_IN_A_ROW = 10
"""After so many failed trials in a row the fault is not the candidates'."""


class Observer(Protocol):
    """What is told how the search goes: a progress bar, a test."""

    def trial(self, trial: Trial) -> None:
        """Called after every finished trial, parents included."""
        ...


def search(
    session: Session,
    budget: Budget,
    sampler: NamedSampler,
    stop: Stop,
    observer: Observer,
    warn: Callable[[str], None] = lambda _: None,
) -> None:
    """Search until the budget is used or a stop is asked for; earlier trials of the run count.

    `warn` is told what the user should know and the search can live with. RunError after ten
    failed trials in a row, or three failures of the sampler. Ends early where every point of a
    small space has been tried.
    """
    session.run.search.set_user_attr("goal", budget.trials)
    session.run.search.set_user_attr("ends", budget.ends)
    put_back_interrupted(session)
    for trial in score_parents(session, budget, stop):
        observer.trial(trial)
    fix_reference(session)
    add_parent_points(session)
    if session.run.reference is not None:
        # After every parent, also where a parent is yet to be scored.
        _enqueue_warm_start(session, budget)
    failures = _failed_last(session)
    with Proposer(sampler, warn) as proposer:
        while not stop.requested and budget.left(session.run.finished()):
            if failures >= FAILURES_IN_A_ROW:
                raise _hopeless(session, failures)
            try:
                with telling_of_disk(session.run):
                    begun = begin_next(session, proposer, stop, warn)
            except SpaceUsedUpError as done:
                warn(str(done))
                break
            if begun is None:
                break
            last = stop.requested or not budget.left(session.run.finished() + 1)
            with put_back_on_failure(session.run, session.run.search, begun.trial._trial_id):
                if not last:
                    prepare_next(session, proposer)
                trial = _score(session, begun)
            observer.trial(trial)
            failures = failures + 1 if trial.state == "failed" else 0
    if failures >= FAILURES_IN_A_ROW:
        raise _hopeless(session, failures)


def _hopeless(session: Session, failures: int) -> RunError:
    last = next(t for t in reversed(session.run.trials()) if t.state == "failed")
    return RunError(
        f"{session.run.folder}: {failures} trials in a row failed, the last because "
        f"{last.error}; see log.txt there, mend the cause, and search again"
    )


def _score(session: Session, begun: Begun) -> Trial:
    recipe = session.recipe(begun.params)
    run, text = session.run, recipe_text(session.stored(recipe))
    origin = str(begun.trial.user_attrs.get("origin", "sampler"))

    def record(outcome: Outcome) -> "FrozenTrial":
        return finish(run, run.search, begun.trial, origin, text, outcome, begun.seconds)

    race = session.races.next() if session.races else None
    told = record(attempt(session, recipe, race, record))
    return as_trial(told, run.info.objectives)


def _failed_last(session: Session) -> int:
    """Count the failed trials at the end of the run, where a hung one had the process replaced."""
    if not session.watch.again:
        return 0
    points = [t for t in session.run.trials() if not t.is_parent]
    ended = [t for t in points if t.state not in ("waiting", "running")]
    return len(list(takewhile(lambda t: t.state == "failed", reversed(ended))))


def put_back_interrupted(session: Session) -> None:
    """Repeat the trials that a killed search left running; only the sole writer may call this."""
    for study in (session.run.parents, session.run.search):
        for trial in study.get_trials(deepcopy=False):
            if trial.state.name == "RUNNING":
                put_back(study, trial._trial_id)


def _enqueue_warm_start(session: Session, budget: Budget) -> None:
    study, seed = session.run.search, session.run.info.seed
    enqueue_starts(study, session.space, session.models.starts, budget.trials, seed)
