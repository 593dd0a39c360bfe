"""Scores the base and the experts as given, before any merge: what merges must beat.

They are kept in the study "parents". Where a parent is also a point of the search space, it
stands in the study "search" too, with the same scores, so that the sampler knows it. With int8
task vectors parents are scored from their full weights, read again from their files; the point
that copies one from its int8 steps, at most half a step off, is told that score.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from optimerge.errors import OptimergeError, RunError
from optimerge.front.losses import losses_of
from optimerge.front.reference import reference_point, scales
from optimerge.records.attributes import is_withdrawn, origin_of
from optimerge.records.optuna_access import id_of
from optimerge.records.origins import BASE, EXPERT
from optimerge.records.types import Trial
from optimerge.search.beside import begin_beside, score_begun
from optimerge.search.budget import Budget, Stop
from optimerge.search.lease import Lease
from optimerge.search.places import drop
from optimerge.search.proposals import known_trial
from optimerge.search.session import Session
from optimerge.search.start.parents import parent_points, whole_model_points
from optimerge.space.ranges import Param

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)


def score_parents(session: Session, budget: Budget, stop: Stop, lease: Lease) -> Iterator[Trial]:
    """Score the parents that the run does not have yet, and yield each.

    Parents that another worker scores are waited for: what comes after needs all of them.
    """
    study, known = session.run.parents, origins(session)
    # One that hung, so that the process was replaced, is not tried again by the replacement.
    before = 0 if session.watch.again else len(study.get_trials(deepcopy=False))
    while not stop.requested and budget.left(session.run.finished()):
        states = _states(study, before)
        left = [reference for reference, origin in known.items() if origin not in states]
        running = list(states.values()).count("RUNNING")
        if left and budget.left(session.run.finished() + running):
            trial = _score_parent(session, left[0], known[left[0]], before, lease)
            if trial is not None:
                yield trial
        elif running:
            lease.wait()
        else:
            return


def _states(study: "optuna.Study", before: int, below: float = float("inf")) -> dict[str, str]:
    """Return how far each parent is that is not to be begun, by origin: complete, running, failed.

    Those that failed before this search, whose first trial could have the number `before`, are
    tried again. `below`: only trials of lower numbers.
    """
    return {
        origin_of(trial): trial.state.name
        for trial in study.get_trials(deepcopy=False)
        if trial.number < below
        and not is_withdrawn(trial)
        and (trial.state.name in ("COMPLETE", "RUNNING") or trial.number >= before)
    }


def _score_parent(
    session: Session, reference: str, origin: str, before: int, lease: Lease
) -> Trial | None:
    """Score a parent; None if another worker has it, or took this one for lost."""
    run, recipe = session.run, session.parent_recipe(reference)
    asked = begin_beside(session, origin)
    if origin in _states(run.parents, before, asked.number):
        drop(run.parents, id_of(asked))
        return None
    return score_begun(session, lease, asked, recipe, origin)


def add_parent_points(session: Session) -> None:
    """Tell the sampler of every parent that some point of the space builds as it is."""
    search = session.run.search
    known = {t.user_attrs.get("origin") for t in search.get_trials(deepcopy=False)}
    scored = {
        t.user_attrs["origin"]: t
        for t in session.run.parents.get_trials(deepcopy=False)
        if t.state.name == "COMPLETE"
    }
    for reference, origin in origins(session).items():
        if origin in known or origin not in scored:
            continue
        for point in _points(session, reference, origin):
            if _builds(session, point, reference):
                found = scored[origin]
                search.add_trial(
                    known_trial(
                        session.space, point, found.values, found.user_attrs, found.constraints
                    )
                )
                break


def _points(session: Session, reference: str, origin: str) -> Iterator[dict[str, Param]]:
    expert = None if origin == BASE else reference
    if session.models.layers is None:
        return parent_points(session.space, expert)
    layers = next(c.layers for c in session.models.checkpoints if c.reference == reference)
    return whole_model_points(session.space, reference, layers)


def origins(session: Session) -> dict[str, str]:
    """Return what the trials of each parent are marked with, by reference, base first.

    The models of a layer map without a base are all experts.
    """
    base = session.models.base_reference
    return {r: BASE if r == base else f"{EXPERT}{n}" for r, n in session.models.names.items()}


def _builds(session: Session, point: Mapping[str, Param], reference: str) -> bool:
    try:
        session.engine.apply(session.recipe(point))
    except OptimergeError as error:  # numbers that the method refuses, a plug-in's kernel
        log.warning("%s is no point of the space: %s", reference, error, exc_info=error.__cause__)
        return False
    return session.engine.holds(reference)


def fix_reference(session: Session) -> None:
    """Fix the reference point and the scales of the run from its parents, once.

    RunError if all parents were tried and none could be scored.
    """
    run = session.run
    parents = [t for t in run.trials() if t.is_parent]
    tried = {t.origin for t in parents if t.state != "running"}
    if run.reference is not None or len(tried) < len(session.models.checkpoints):
        return
    scored = [t for t in parents if t.state == "complete"]
    if not scored:
        raise RunError(
            f"{run.folder}: neither the base nor an expert can be scored: {parents[0].error}"
        )
    losses = losses_of(scored, run.info.objectives)
    # The reference last: it says that both are there.
    run.search.set_user_attr("scales", scales(losses).tolist())
    run.search.set_user_attr("reference", reference_point(losses).tolist())
