"""Scores recipes beside the search: soups and baselines, which need not be points of its space.

They are kept in the study "parents", and scored as the search scores its candidates, on the same
items, without a race. A recipe that has scores there is not scored again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import recipe_text
from optimerge.records.attributes import as_trial
from optimerge.records.types import Trial
from optimerge.search.candidate import Outcome, attempt
from optimerge.search.parents import begin_beside
from optimerge.search.session import Session
from optimerge.search.tell import finish, put_back_on_failure

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def _known(session: Session, text: str) -> Trial | None:
    """Return the complete trial of a recipe among the parents, soups and baselines of the run."""
    for stored in session.run.parents.get_trials(deepcopy=False):
        if stored.state.name == "COMPLETE" and stored.user_attrs.get("recipe") == text:
            return as_trial(stored, session.run.info.objectives, numbered=False)
    return None


def score_beside(
    session: Session, recipe: Recipe, origin: str, told_of: Callable[[Trial], None] = lambda _: None
) -> Trial:
    """Return the trial of a recipe: that of an earlier time, or a new one marked with `origin`.

    `told_of` is given a new one.
    """
    text = recipe_text(session.stored(recipe))
    if known := _known(session, text):
        return known
    run, study = session.run, session.run.parents
    asked = begin_beside(session, origin)

    def record(outcome: Outcome) -> "FrozenTrial":
        return finish(run, study, asked, origin, text, outcome)

    with put_back_on_failure(run, study, asked._trial_id):
        told = record(attempt(session, recipe, record=record))
    trial = as_trial(told, run.info.objectives, numbered=False)
    told_of(trial)
    return trial
