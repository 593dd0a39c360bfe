"""The loop: ask, build, score, tell, until the budget is used.

    for trial in ask(until trials or hours are used):
        recipe = space.recipe(trial.params)
        stats  = engine.apply(recipe)          # in place, in the resident model
        scores = [objective.score(engine.model) for objective in objectives]
        tell(trial, scores, stats)

The study (Optuna's, in the run folder) is the only record; nothing else is kept between trials.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from optimerge.errors import RunError
from optimerge.recipe.write import recipe_text
from optimerge.records.attributes import as_trial
from optimerge.records.types import Trial
from optimerge.search.budget import Budget, Stop
from optimerge.search.candidate import attempt
from optimerge.search.parents import add_parent_points, fix_reference, score_parents
from optimerge.search.proposals import propose
from optimerge.search.samplers.registry import NamedSampler
from optimerge.search.seen import SeenStudy
from optimerge.search.session import Session
from optimerge.search.start.enqueue import enqueue_starts
from optimerge.search.tell import finish, put_back, put_back_on_failure, telling_of_disk
from optimerge.space.ranges import Param

if TYPE_CHECKING:
    import optuna

FAILURES_IN_A_ROW = 10
"""After so many failed trials in a row the fault is not the candidates'."""


class Observer(Protocol):
    """What is told how the search goes: a progress bar, a test."""

    def trial(self, trial: Trial) -> None:
        """Called after every finished trial, parents included."""
        ...


def search(
    session: Session, budget: Budget, sampler: NamedSampler, stop: Stop, observer: Observer
) -> None:
    """Search until the budget is used or a stop is asked for; earlier trials of the run count.

    RunError after ten failed trials in a row.
    """
    session.run.search.set_user_attr("goal", budget.trials)
    put_back_interrupted(session)
    for trial in score_parents(session, budget, stop):
        observer.trial(trial)
    fix_reference(session)
    add_parent_points(session)
    _enqueue_warm_start(session, budget)
    failures = 0
    while not stop.requested and budget.left(session.run.finished()):
        trial = _one_trial(session, sampler)
        observer.trial(trial)
        failures = failures + 1 if trial.state == "failed" else 0
        if failures >= FAILURES_IN_A_ROW:
            raise RunError(
                f"{session.run.folder}: {failures} trials in a row failed, the last because "
                f"{trial.error}; see log.txt there, mend the cause, and search again"
            )


def _one_trial(session: Session, sampler: NamedSampler) -> Trial:
    study, run = session.run.search, session.run
    started = time.perf_counter()
    seen = SeenStudy(run.search, run.info.objectives)
    with telling_of_disk(run):
        asked, params = propose(seen, session.space, sampler, run.info.seed, run.finished())
    with put_back_on_failure(run, study, asked._trial_id):
        return _score(session, asked, params, time.perf_counter() - started)


def _score(
    session: Session, asked: "optuna.Trial", params: Mapping[str, Param], proposing: float
) -> Trial:
    recipe = session.recipe(params)
    outcome = attempt(session, recipe, session.races.next() if session.races else None)
    run, text = session.run, recipe_text(session.stored(recipe))
    origin = str(asked.user_attrs.get("origin", "sampler"))
    told = finish(run, run.search, asked, origin, text, outcome, proposing)
    return as_trial(told, run.info.objectives)


def put_back_interrupted(session: Session) -> None:
    """Repeat the trials that a killed search left running; only the sole writer may call this."""
    for study in (session.run.parents, session.run.search):
        for trial in study.get_trials(deepcopy=False):
            if trial.state.name == "RUNNING":
                put_back(study, trial._trial_id)


def _enqueue_warm_start(session: Session, budget: Budget) -> None:
    study, seed = session.run.search, session.run.info.seed
    enqueue_starts(study, session.space, session.models.starts, budget.trials, seed)
