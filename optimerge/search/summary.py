"""What a search came to, as plain data: for hooks, which hand it on to programs and people."""

import math
from collections import Counter
from typing import Any, Literal

from optimerge.front.front import front_of
from optimerge.front.losses import best
from optimerge.records.run import Run

Ended = Literal["finished", "stopped", "failed"]


def summary(
    run: Run | None, name: str, state: Ended, reason: str, seconds: float
) -> dict[str, Any]:
    """Return what the run holds now; numbers that are not known are null.

    `run`: None if the search failed before it was opened; `seconds`: of this invocation. The key
    `text` holds it in one sentence, which is what chat programs' webhooks show.
    """
    found: dict[str, Any] = {
        "run": name,
        "state": state,
        "reason": reason,
        "trials": {},
        "hypervolume": None,
        "front": 0,
        "best": {},
        "hours": round(seconds / 3600, 4),
    }
    if run is not None:
        found |= _measured(run)
    return found | {"text": _sentence(found)}


def _measured(run: Run) -> dict[str, Any]:
    trials, objectives = run.trials(), run.info.objectives
    front = front_of(run, trials)
    leaders = {}
    for name, direction in objectives.items() if front.feasible else ():
        values = [trial.scores[name].value for trial in front.feasible]
        trial = front.feasible[best(values, direction)]
        value = trial.scores[name].value
        leaders[name] = {"value": value, "direction": direction, "trial": trial.name}
    volume = front.relative_hypervolume if run.reference is not None else math.nan
    return {
        "trials": dict(Counter(trial.state for trial in trials)),
        "hypervolume": volume if math.isfinite(volume) else None,
        "front": len(front.members),
        "best": leaders,
    }


def _sentence(found: dict[str, Any]) -> str:
    done = sum(n for state, n in found["trials"].items() if state not in ("running", "waiting"))
    text = f"optimerge run {found['run']} {found['state']}"
    text += f" ({found['reason']})" if found["reason"] else ""
    text += f": {done} trials, {found['hours']:.1f} hours"
    if found["hypervolume"] is not None:
        text += f", hypervolume {found['hypervolume']:.3f}"
    return text + "".join(f", best {name} {b['value']:.3f}" for name, b in found["best"].items())
