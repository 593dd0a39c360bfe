"""Scores parents, soups and baselines: recipes that need not be points of the search space.

They are kept in the study "parents", and scored as the search scores its candidates, on the same
items, without a race. A recipe that has scores there is not scored again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import recipe_text
from optimerge.records.attributes import as_trial, is_withdrawn
from optimerge.records.lease import WORKER
from optimerge.records.optuna_access import begin_running, id_of, trial_of
from optimerge.records.types import Trial
from optimerge.search.candidate import Outcome, attempt
from optimerge.search.lease import Lease
from optimerge.search.session import Session
from optimerge.search.tell import finish, put_back_on_failure

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


def begin_beside(session: Session, origin: str) -> "optuna.Trial":
    """Begin a trial in the study "parents"."""
    marked = {"origin": origin, WORKER: str(session.worker)}
    return begin_running(session.run.parents, marked)


def score_begun(
    session: Session, lease: Lease, asked: "optuna.Trial", recipe: Recipe, origin: str
) -> Trial | None:
    """Score a recipe as the trial that was begun for it; None if others took this one for lost."""
    run, study, told = session.run, session.run.parents, list["FrozenTrial"]()
    text = recipe_text(session.stored(recipe))

    def record(outcome: Outcome) -> "FrozenTrial":
        return finish(run, study, asked, origin, text, outcome)

    with (
        lease.holding(study, id_of(asked)),
        put_back_on_failure(run, study, id_of(asked)),
    ):
        told.append(record(attempt(session, recipe, record=record)))
    return as_trial(told[0], run.info.objectives, numbered=False) if told else None


def score_beside(
    session: Session,
    lease: Lease,
    recipe: Recipe,
    origin: str,
    told_of: Callable[[Trial], None] = lambda _: None,
) -> Trial:
    """Return the trial of a recipe: that of an earlier time, or a new one marked with `origin`.

    `told_of` is given a new one. It is tried again where others took this worker for lost; the
    third time it is returned as failed.
    """
    if known := _known(session, recipe_text(session.stored(recipe))):
        return known
    trial = None
    while trial is None:
        asked = begin_beside(session, origin)
        trial = score_begun(session, lease, asked, recipe, origin) or _given_up(session, asked)
    told_of(trial)
    return trial


def _known(session: Session, text: str) -> Trial | None:
    """Return the complete trial of a recipe among the parents, soups and baselines of the run."""
    for stored in session.run.parents.get_trials(deepcopy=False):
        if stored.state.name == "COMPLETE" and stored.user_attrs.get("recipe") == text:
            return as_trial(stored, session.run.info.objectives, numbered=False)
    return None


def _given_up(session: Session, asked: "optuna.Trial") -> Trial | None:
    """Return a trial that was lost as failed, if it is not to be tried again."""
    stored = trial_of(session.run.parents, id_of(asked))
    if is_withdrawn(stored):
        return None
    return as_trial(stored, session.run.info.objectives, numbered=False)
