"""The loop: ask, build, score, tell, until the budget is used.

    for trial in ask(until trials or hours are used):   # made while the one before was scored
        recipe = space.recipe(trial.params)
        stats  = engine.apply(recipe)          # in place, in the resident model
        scores = [objective.score(engine.model) for objective in objectives]
        tell(trial, scores, stats)

The study (Optuna's, in the run folder) is the only record; nothing else is kept between trials.
"""

import random
import time
from collections.abc import Callable
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from optimerge.errors import RunError
from optimerge.recipe.write import recipe_text
from optimerge.records.attributes import as_trial
from optimerge.records.keys import ENDS, GOAL
from optimerge.records.optuna_access import id_of
from optimerge.records.origins import SAMPLER
from optimerge.records.types import Trial
from optimerge.search.budget import Budget, Stop
from optimerge.search.candidate import Outcome, attempt
from optimerge.search.lease import Lease
from optimerge.search.next_trial import Begun, begin_next, is_of_another, others_run, prepare_next
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
    failed trials in a row, three failures of the sampler, or where the run folder cannot be written
    any more. Ends early where every point of a small space has been tried.
    """
    with telling_of_disk(session.run):
        _search(session, budget, sampler, stop, observer, warn)


def _search(
    session: Session,
    budget: Budget,
    sampler: NamedSampler,
    stop: Stop,
    observer: Observer,
    warn: Callable[[str], None],
) -> None:
    session.run.search.set_user_attr(GOAL, budget.trials)
    session.run.search.set_user_attr(ENDS, budget.ends)
    with Lease(session.run, session.worker) as lease:
        lease.settle(stop)
        for trial in score_parents(session, budget, stop, lease):
            observer.trial(trial)
        fix_reference(session)
        add_parent_points(session)
        if session.run.reference is not None:
            # After every parent, also where a parent is yet to be scored.
            _enqueue_warm_start(session, budget)
        with Proposer(sampler, warn) as proposer:
            _score_candidates(session, budget, stop, observer, warn, lease, proposer)


def _score_candidates(
    session: Session,
    budget: Budget,
    stop: Stop,
    observer: Observer,
    warn: Callable[[str], None],
    lease: Lease,
    proposer: Proposer,
) -> None:
    run, failures = session.run, _failed_last(session)
    while not stop.requested and budget.left(run.finished()):
        if failures >= FAILURES_IN_A_ROW:
            raise _hopeless(session, failures)
        lease.put_back_lost()
        if not budget.left(taken(session)):
            lease.wait()  # for the last trials of others: a worker may be lost with one
            continue
        try:
            begun = begin_next(session, proposer, stop, warn)
        except SpaceUsedUpError as done:
            if others_run(session):
                lease.wait()
                continue
            warn(str(done))
            break
        if begun is None:
            break
        trial, trial_id = None, id_of(begun.trial)
        with lease.holding(run.search, trial_id), put_back_on_failure(run, run.search, trial_id):
            others = taken(session)
            if budget.trials is not None and others >= budget.trials:
                give_way(session, begun)  # two began the last trial at once
                continue
            if not stop.requested and budget.left(others + 1):
                prepare_next(session, proposer)
            trial = _score(session, begun)
        if trial is not None:
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
    origin = str(begun.trial.user_attrs.get("origin", SAMPLER))

    def record(outcome: Outcome) -> "FrozenTrial":
        return finish(run, run.search, begun.trial, origin, text, outcome, begun.seconds)

    race = session.races.next() if session.races else None
    told = record(attempt(session, recipe, race, record))
    return as_trial(told, run.info.objectives)


def taken(session: Session) -> int:
    """Count the trials that are finished or that other workers run, each once."""
    finished, running = session.run.standing()
    return finished + sum(is_of_another(session, trial) for trial in running)


def give_way(session: Session, begun: Begun) -> None:
    """Put a trial back that is one too many: all who see too many do, and look again later."""
    put_back(session.run.search, id_of(begun.trial))
    time.sleep(random.SystemRandom().uniform(0.05, 0.5))


def _failed_last(session: Session) -> int:
    """Count the failed trials at the end of the run, where a hung one had the process replaced."""
    if not session.watch.again:
        return 0
    points = [t for t in session.run.trials() if not t.is_parent]
    ended = [t for t in points if t.state not in ("waiting", "running")]
    return len(list(takewhile(lambda t: t.state == "failed", reversed(ended))))


def _enqueue_warm_start(session: Session, budget: Budget) -> None:
    study, seed = session.run.search, session.run.info.seed
    enqueue_starts(study, session.space, session.models.starts, budget.trials, seed)
