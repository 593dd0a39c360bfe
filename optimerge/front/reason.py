"""Why a trial was chosen, and what it gives up, in one sentence."""

from collections.abc import Sequence

import numpy as np

from optimerge.front.called import called
from optimerge.front.front import Front
from optimerge.front.losses import larger_is_better, losses_of, to_value
from optimerge.records.origins import BASE
from optimerge.records.types import Trial


def reason(front: Front, trial: Trial, why: str) -> str:
    """Return "trial 7: WHY; it gives up ...", measured against the members of the front.

    What it gives up is, for each objective, how much better the best member is, and which that
    is; parents that are on the front count, for they are what a user has without a search.
    """
    return f"{called(trial)}: {why}; {given_up(front, trial)}"


def given_up(front: Front, trial: Trial) -> str:
    """Return the half sentence that says what the best members have more of."""
    mine = losses_of([trial], front.objectives)[0]
    pool: Sequence[Trial] = (*front.members, trial)
    losses = losses_of(pool, front.objectives)
    parts = []
    for column, (name, direction) in enumerate(front.objectives.items()):
        best = int(np.argmin(losses[:, column]))
        less = float(mine[column] - losses[best, column])
        if less > 0:
            value = to_value(float(losses[best, column]), direction)
            parts.append(f"{less:.4g} of {name} ({called(pool[best])} has {value:.4g})")
    if not parts:
        return "it gives up nothing: no member of the front is better in any objective"
    return "it gives up " + ", ".join(parts) + _below_base(front, trial)


def _below_base(front: Front, trial: Trial) -> str:
    """Return "; it is worse than the base in x (0.50, base 0.51)", of objectives to maximise.

    In what is minimised, changes and drift, the base is the least by definition.
    """
    base = next((t for t in front.trials if t.origin == BASE), None)
    if base is None or trial is base:
        return ""
    mine, bases = losses_of([trial, base], front.objectives)
    worse = [
        f"{name} ({trial.scores[name].value:.4g}, base {base.scores[name].value:.4g})"
        for column, (name, direction) in enumerate(front.objectives.items())
        if larger_is_better(direction) and mine[column] > bases[column]
    ]
    return f"; it is worse than the base in {', '.join(worse)}" if worse else ""
