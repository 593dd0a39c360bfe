"""MM-MO as an Optuna sampler."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from optimerge.records.optuna_access import note_in_trial
from optimerge.search.samplers.history import (
    History,
    inside,
    key,
)
from optimerge.search.samplers.mmmo.mended import Parts, Round
from optimerge.search.samplers.mmmo.released import released_round
from optimerge.search.samplers.surrogate_sampler import SurrogateSampler
from optimerge.search.surrogate.domain import Domain

if TYPE_CHECKING:
    from optuna.study import Study

Array = NDArray[np.float64]

QUEUE = "mmmo:queue"
"""System attribute of the trial that a round was computed for: its other points, as JSON."""
TAKEN = "mmmo:taken"
"""System attribute of a trial that took a point from a queue: [the queue's trial, the place]."""


class MMMOSampler(SurrogateSampler):
    """MM-MO: multi-objective Bayesian optimisation, weak-to-strong, Fisher information.

    "It's Morphing Time: Unleashing the Potential of Multiple LLMs via Multi-objective
    Optimization", arXiv:2407.00487, IEEE TEVC, doi:10.1109/TEVC.2025.3613937; released code:
    github.com/aaron-di/MM-MO. A round, once `startup` trials are scored:

    1. `acquisition`: one Gaussian process an objective; 10 candidates that maximise the expected
       hypervolume improvement, each given those before it.
    2. `weak_to_strong`: each candidate is crossed, DE/rand/1/bin, with differences of the 5 best
       evaluated points.
    3. `fisher`: of the candidates those are evaluated about which the processes know least
       (smallest sum over objectives of 1/variance).

    The fourth part, sparsity as an objective, is not the sampler's: the study has it or not.

    Where it departs from the released code (and, where that is all we know of it, from the paper),
    and why:

    - The reference point is in the surrogates' units. The released one is raw (0.9 of the worst
      score) while the processes see z-scores: with scores in percent no outcome can reach it, the
      acquisition is 0 everywhere, and its candidates are uniform draws. Here it is the study's own
      reference, else a tenth beyond the worst observed; never fixed after ten trials.
    - Elites are the best by hypervolume contribution of predicted means (the released code: by the
      raw sum of the first two scores, so the task of larger variance decides and sparsity never;
      read by position from a file, so that any repeated configuration misaligns them).
    - The noise of each score is known to the surrogates from its items, where the study tells.
    - Improvement is exact for a single point instead of 128 draws (for more than three objectives:
      along directions), and those picked or being scored are believed at their means instead of
      enumerated: joint qEHVI enumerates 2^q subsets at a hundred times the cost.
    - Fisher selection is greedy: each pick counts as evaluated for the next, for the released rule
      keeps near copies of one unknown point. It also counts trials that are being scored.
    - No point is proposed twice (the released code's names, rounded to two decimals, give one
      configuration's score to another).
    - Everything is drawn from `seed`. Constraints are heeded: improvement counts by its
      probability to keep them.
    - It proposes one point at a time. `kept` points of a round are handed out over the next asks
      before a new round is computed (5 as released; 1: a round an ask). The queue is in the trials'
      system attributes, so that any process goes on with it.
    - Choices take a donor's choice in the crossover; what a method lacks stays away.

    With `as_released` rounds are as the released code makes them (see `released`): 10 uniform
    points, rounds of 5 (30 evaluations after 4; then it goes on), all faults that bear on what is
    proposed kept; those of its file handling (misaligned elites, collisions of names, no seed, an
    abort at the first failure) are not reproduced. A round starts with the trials that are scored
    by then; the released code waits for all. Its processes are BoTorch's of mid-2024; ours have
    another prior, and its L-BFGS is here a search by moves. `percents`: scores times 100, as
    OpenCompass gave them. The other switches are then ignored.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        as_released: bool = False,
        percents: bool = True,
        acquisition: bool = True,
        weak_to_strong: bool = True,
        fisher: bool = True,
        kept: int = 5,
        startup: int = 10,
        objectives: Sequence[str] = (),
        reference: Sequence[float] | None = None,
        domain: Domain | None = None,
    ) -> None:
        """Make a sampler.

        Args:
            seed: Of all that it draws.
            as_released: Propose as the released code does.
            percents: As released only: the first two scores are shares; take them times 100.
            acquisition: Candidates maximise the acquisition; else they are uniform.
            weak_to_strong: Cross candidates with elites.
            fisher: Keep the candidates about which least is known; else the best by acquisition.
            kept: How many points a round hands out.
            startup: How many scored trials there must be before the first round; until then
                points are uniform.
            objectives: Names of the objectives in the study's order, under which the trials' user
                attribute `scores` tells standard errors.
            reference: The reference point, as losses; None: the study's user attribute `reference`,
                or else from what is observed.
            domain: The search space; None: every dimension of any trial.
        """
        super().__init__(seed, startup, objectives, reference, domain)
        self._released, self._percents = as_released, percents
        self._parts = Parts(acquisition, weak_to_strong, fisher, kept=kept)

    def next_point(
        self, study: "Study", trial: FrozenTrial, history: History, domain: Domain
    ) -> dict[str, Any]:
        """Return the next point of a round."""
        point = _next_in_queue(study, trial, history, domain)
        return self._new_round(study, trial, history, domain) if point is None else point

    def _new_round(
        self, study: "Study", trial: FrozenTrial, history: History, domain: Domain
    ) -> dict[str, Any]:
        if self._released:
            rows = released_round(history, domain, self._rng, self._percents)
        else:
            rows = Round(history, domain, self.corner(study), self._parts, self._rng).rows()
        first, *others = [domain.decode(row) for row in rows]
        if others:
            note_in_trial(study, trial, QUEUE, json.dumps(others))
        return first


def _next_in_queue(
    study: "Study", trial: FrozenTrial, history: History, domain: Domain
) -> dict[str, Any] | None:
    """Return the next point of the latest round that is still new, and mark it taken."""
    others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
    rounds = [t for t in others if QUEUE in t.system_attrs]
    if not rounds:
        return None
    latest = rounds[-1]
    queue: list[dict[str, Any]] = json.loads(latest.system_attrs[QUEUE])
    places = [t.system_attrs[TAKEN] for t in others if TAKEN in t.system_attrs]
    taken = max((place for number, place in places if number == latest.number), default=-1)
    for place, point in enumerate(queue[taken + 1 :], start=taken + 1):
        if key(point, domain) in history.seen or not all(inside(domain, *p) for p in point.items()):
            continue
        note_in_trial(study, trial, TAKEN, [latest.number, place])
        return point
    return None
