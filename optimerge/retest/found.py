"""Finds the baselines of a run: builds them, scores them on the search items, chooses."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from optimerge.recipe.schema import Recipe
from optimerge.records.types import Trial
from optimerge.retest.baselines import SCALES, Baseline, experts_of, scaled
from optimerge.retest.study import BASELINE
from optimerge.search.beside import score_beside
from optimerge.search.budget import Stop
from optimerge.search.parents import origins
from optimerge.search.session import Session
from optimerge.search.soup import greedy_soup, mean_score, ranked_experts, soup_recipe

Tell = Callable[[str, Trial], None]
"""Told of every trial that is scored now on search items, with what it is."""


@dataclass(frozen=True)
class Found:
    """A baseline with its trial in the study "parents"."""

    name: str
    about: str
    trial: Trial
    recipe: Recipe
    """What is built."""


def find(
    session: Session, baseline: Baseline, tasks: Sequence[str], stop: Stop, tell: Tell
) -> Found | None:
    """Return a baseline scored on the search items; None if a stop was asked for before.

    `tasks`: objectives whose mean it is chosen by. RunError if no expert has scores.
    """
    if baseline.name == "greedy_soup":
        return _greedy(session, baseline, stop, tell)
    if baseline.name == "task_arithmetic":
        return _best_scale(session, baseline, tasks, stop, tell)
    assert baseline.make is not None
    experts = experts_of(session)
    about = baseline.about
    if baseline.chooses:
        experts = [reference for reference, _ in ranked_experts(session, tasks, stop)]
        if stop.requested:
            return None
        names = session.models.names
        about = f"{about}: {names[experts[0]]}, {names[experts[1]]}" if experts[1:] else about
    recipe = baseline.make(session, experts)
    trial = _scored(session, recipe, baseline.name, tell)
    return Found(baseline.name, about, trial, recipe)


def _scored(session: Session, recipe: Recipe, name: str, tell: Tell) -> Trial:
    origin = f"{BASELINE}{name.replace(' ', ':')}"
    return score_beside(session, recipe, origin, partial(tell, name))


def _greedy(session: Session, baseline: Baseline, stop: Stop, tell: Tell) -> Found | None:
    kept, stored = [], session.run.parents.get_trials(deepcopy=False)
    known = {t.user_attrs.get("recipe") for t in stored if t.state.name == "COMPLETE"}
    for step in greedy_soup(session, stop):
        if step.trial.recipe not in known:
            tell(f"{baseline.name} + {step.expert}", step.trial)
        if step.kept:
            kept.append(step)
    if stop.requested or not kept:
        return None
    names = [step.expert for step in kept]
    references = [r for r, name in session.models.names.items() if name in names]
    recipe = soup_recipe(session, references)
    if len(kept) == 1:  # an expert as it is
        recipe = session.parent_recipe(references[0])
    return Found(baseline.name, f"average of {', '.join(names)}", kept[-1].trial, recipe)


def _best_scale(
    session: Session, baseline: Baseline, tasks: Sequence[str], stop: Stop, tell: Tell
) -> Found | None:
    """Score every scale; the best mean wins, the smaller scale where two are equal."""
    experts, found = experts_of(session), []
    for scale in SCALES:
        if stop.requested:
            return None
        recipe = scaled(scale)(session, experts)
        trial = _scored(session, recipe, f"{baseline.name} {scale:g}", tell)
        mean = mean_score(trial, tasks)
        found.append((-math.inf if math.isnan(mean) else mean, -scale, trial, recipe))
    _, scale, trial, recipe = max(found, key=lambda each: each[:2])
    about = f"scale {-scale:g}, best of {SCALES[0]:g} to {SCALES[-1]:g} by mean search score"
    return Found(baseline.name, about, trial, recipe)


def parents_found(session: Session) -> list[Found]:
    """Return the base and the experts that have search scores, in the space's order."""
    trials = {t.origin: t for t in session.run.trials() if t.is_parent and t.state == "complete"}
    return [
        Found(trials[origin].name, "", trials[origin], session.parent_recipe(reference))
        for reference, origin in origins(session).items()
        if origin in trials
    ]
