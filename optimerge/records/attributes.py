"""Turns trials into the study's attributes and back: the one place that knows their keys."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optimerge.records.types import Direction, MergeStats, Score, State, Trial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_STATES: dict[str, State] = {
    "COMPLETE": "complete",
    "FAIL": "failed",
    "PRUNED": "pruned",
    "RUNNING": "running",
    "WAITING": "waiting",
}


def score_attributes(scores: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    """Return scores as plain data.

    The values of what is optimised are the trial's own; those of other scores have no other place.
    """
    return {
        name: {
            "value": s.value,
            "direction": s.direction,
            "stderr": s.stderr,
            "items": s.items,
            "seconds": round(s.seconds, 4),
        }
        for name, s in scores.items()
    }


def trial_attributes(
    origin: str,
    recipe: str,
    scores: Mapping[str, Score] | None = None,
    stats: MergeStats | None = None,
    seconds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return what a trial keeps beside its parameters and values."""
    found: dict[str, Any] = {"origin": origin, "recipe": recipe}
    if scores is not None:
        found["scores"] = score_attributes(scores)
    if stats is not None:
        found["stats"] = asdict(stats)
    if seconds is not None:
        found["seconds"] = {stage: round(value, 4) for stage, value in seconds.items()}
    return found


def as_trial(
    frozen: "FrozenTrial", objectives: Mapping[str, Direction], *, numbered: bool = True
) -> Trial:
    """Return a stored trial as a record."""
    kept = frozen.user_attrs
    return Trial(
        number=frozen.number if numbered else None,
        state=_STATES[frozen.state.name],
        origin=str(kept.get("origin", "sampler")),
        params=dict(frozen.params),
        recipe=str(kept.get("recipe", "")),
        scores=_scores(frozen, objectives),
        stats=MergeStats(**kept["stats"]) if "stats" in kept else None,
        error=str(kept.get("error", "")),
        seconds=dict(kept.get("seconds", {})),
        constraints=dict(frozen.constraints),
    )


def _scores(frozen: "FrozenTrial", objectives: Mapping[str, Direction]) -> dict[str, Score]:
    if frozen.state.name != "COMPLETE":
        return {}
    kept = frozen.user_attrs.get("scores", {})
    found = {
        name: Score(value=value, direction=direction, **_evidence(kept.get(name)))
        for (name, direction), value in zip(objectives.items(), frozen.values, strict=True)
    }
    others = {name: each for name, each in kept.items() if name not in objectives}
    return found | {
        name: Score(value=each["value"], direction=each["direction"], **_evidence(each))
        for name, each in others.items()
    }


def _evidence(kept: Any) -> dict[str, Any]:
    if isinstance(kept, dict):
        return {key: kept.get(key) for key in ("stderr", "items", "seconds")}
    return {"stderr": None, "items": 0, "seconds": 0.0}
