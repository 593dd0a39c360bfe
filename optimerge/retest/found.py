"""Finds the baselines of a run: builds them, scores them on the search items, chooses."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from optimerge.recipe.schema import Recipe
from optimerge.records.origins import BASELINE
from optimerge.records.types import Trial
from optimerge.retest.baselines import SCALES, Baseline, experts_of, scaled
from optimerge.search.beside import score_beside
from optimerge.search.budget import Stop
from optimerge.search.lease import Lease
from optimerge.search.parents import origins
from optimerge.search.session import Session
from optimerge.search.soup import Step, mean_score, ranked_experts, soup_recipe, soup_steps

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


@dataclass(frozen=True)
class Finder:
    """What baselines are found with."""

    session: Session
    lease: Lease
    tasks: Sequence[str]
    """Objectives whose mean a baseline is chosen by."""
    stop: Stop
    tell: Tell

    def find(self, baseline: Baseline) -> Found | None:
        """Return a baseline scored on the search items; None if a stop was asked for before.

        RunError if no expert has scores.
        """
        if baseline.name == "greedy_soup":
            return self._greedy(baseline)
        if baseline.name == "task_arithmetic":
            return self._best_scale(baseline)
        assert baseline.make is not None
        session, experts, about = self.session, experts_of(self.session), baseline.about
        if baseline.chooses:
            experts = [reference for reference, _ in ranked_experts(session, self.tasks, self.stop)]
            if self.stop.requested:
                return None
            names = session.models.names
            about = f"{about}: {names[experts[0]]}, {names[experts[1]]}" if experts[1:] else about
        recipe = baseline.make(session, experts)
        return Found(baseline.name, about, self._scored(recipe, baseline.name), recipe)

    def _scored(self, recipe: Recipe, name: str) -> Trial:
        origin = f"{BASELINE}{name.replace(' ', ':')}"
        return score_beside(self.session, self.lease, recipe, origin, partial(self.tell, name))

    def _greedy(self, baseline: Baseline) -> Found | None:
        session, kept = self.session, list[Step]()
        stored = session.run.parents.get_trials(deepcopy=False)
        known = {t.user_attrs.get("recipe") for t in stored if t.state.name == "COMPLETE"}
        for step in soup_steps(session, self.stop, self.lease):
            if step.trial.recipe not in known:
                self.tell(f"{baseline.name} + {step.expert}", step.trial)
            if step.kept:
                kept.append(step)
        if self.stop.requested or not kept:
            return None
        names = [step.expert for step in kept]
        references = [r for r, name in session.models.names.items() if name in names]
        recipe = soup_recipe(session, references)
        if len(kept) == 1:  # an expert as it is
            recipe = session.parent_recipe(references[0])
        return Found(baseline.name, f"average of {', '.join(names)}", kept[-1].trial, recipe)

    def _best_scale(self, baseline: Baseline) -> Found | None:
        """Score every scale; the best mean wins, the smaller scale where two are equal."""
        experts, found = experts_of(self.session), []
        for scale in SCALES:
            if self.stop.requested:
                return None
            recipe = scaled(scale)(self.session, experts)
            trial = self._scored(recipe, f"{baseline.name} {scale:g}")
            mean = mean_score(trial, self.tasks)
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
