"""Scores the base and the experts as given, before any merge: what merges must beat.

They are kept in the study "parents". Where a parent is also a point of the search space, it
stands in the study "search" too, with the same scores, so that the sampler knows it.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from optimerge.errors import RunError, TrialError
from optimerge.front.losses import losses_of
from optimerge.front.reference import reference_point, scales
from optimerge.recipe.write import recipe_text
from optimerge.records.attributes import as_trial, trial_attributes
from optimerge.records.types import Param, Trial
from optimerge.search.budget import Budget, Stop
from optimerge.search.candidate import attempt
from optimerge.search.proposals import known_trial
from optimerge.search.session import Session
from optimerge.search.tell import tell
from optimerge.search.warm_start import parent_points

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def score_parents(session: Session, budget: Budget, stop: Stop) -> Iterator[Trial]:
    """Score the parents that the run does not have yet, and yield each."""
    done = {t.origin for t in session.run.trials() if t.is_parent and t.state == "complete"}
    for reference, name in session.models.names.items():
        is_base = reference == session.models.base.reference
        origin = "base" if is_base else f"expert:{name}"
        if origin in done or stop.requested or not budget.left(session.run.finished()):
            continue
        yield _score_parent(session, reference, origin)


def _score_parent(session: Session, reference: str, origin: str) -> Trial:
    parents = session.run.parents
    recipe = session.parent_recipe(reference)
    asked = parents.ask()
    outcome = attempt(session, recipe)
    text = recipe_text(session.stored(recipe))
    kept = trial_attributes(origin, text, outcome.scores, outcome.stats, outcome.seconds)
    stored = tell(parents, asked.number, outcome, kept)
    if not outcome.error:
        _add_as_point(session, reference, stored)
    return as_trial(stored, session.run.info.objectives, numbered=False)


def _add_as_point(session: Session, reference: str, stored: "FrozenTrial") -> None:
    """Tell the sampler of the parent, if some point of the space builds just that model."""
    is_base = reference == session.models.base.reference
    for point in parent_points(session.space, None if is_base else reference):
        if _builds(session, point, reference):
            values, attributes = stored.values, stored.user_attrs
            session.run.search.add_trial(known_trial(session.space, point, values, attributes))
            return


def _builds(session: Session, point: Mapping[str, Param], reference: str) -> bool:
    try:
        session.engine.apply(session.recipe(point))
    except TrialError:
        return False
    return session.engine.holds(reference)


def fix_reference(session: Session) -> None:
    """Fix the reference point and the scales of the run from its parents, once.

    RunError if all parents were tried and none could be scored.
    """
    run = session.run
    parents = [t for t in run.trials() if t.is_parent]
    if run.reference is not None or len(parents) < len(session.models.checkpoints):
        return
    scored = [t for t in parents if t.state == "complete"]
    if not scored:
        raise RunError(
            f"{run.folder}: neither the base nor an expert can be scored: {parents[0].error}"
        )
    losses = losses_of(scored, run.info.objectives)
    run.search.set_user_attr("reference", reference_point(losses).tolist())
    run.search.set_user_attr("scales", scales(losses).tolist())
