"""Turns trials into the study's attributes and back: the one place that knows their keys."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optimerge.errors import RunError
from optimerge.records.keys import marked_withdrawn, origin_in
from optimerge.records.origins import WITHDRAWN
from optimerge.records.plain import one_line
from optimerge.records.sound import sound_count, sound_trial
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

PLACE = "place"
"""Key of the number of the trial that an interrupted one repeats."""
FIXED, CONSTRAINTS = "fixed_params", "constraints"
"""Optuna's own system attributes: the point of a trial that waited; what constraints begin with."""


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
    tokens: int | None = None,
    stopped: str = "",
) -> dict[str, Any]:
    """Return what a trial keeps beside its parameters and values."""
    found: dict[str, Any] = {"origin": origin, "recipe": recipe}
    if scores is not None:
        found["scores"] = score_attributes(scores)
    if stats is not None:
        found["stats"] = asdict(stats)
    if seconds is not None:
        found["seconds"] = {stage: round(value, 4) for stage, value in seconds.items()}
    if tokens:
        found["tokens"] = tokens
    if stopped:
        found["stopped"] = stopped
    return found


def as_trial(
    frozen: "FrozenTrial", objectives: Mapping[str, Direction], *, numbered: bool = True
) -> Trial:
    """Return a stored trial as a record; RunError if it holds what no trial does."""
    kept = frozen.user_attrs
    what = f"trial {frozen.number} of the study"
    try:
        scores, constraints = _scores(frozen, objectives), dict(frozen.constraints)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise RunError(
            f"{what} cannot be read ({type(error).__name__}: {error}); "
            "this optimerge did not write it"
        ) from None
    data = {
        "number": frozen.number if numbered else None,
        "state": _STATES[frozen.state.name],
        "origin": one_line(origin_of(frozen)),
        "params": dict(frozen.params),
        "recipe": str(kept.get("recipe", "")),
        "scores": scores,
        "stats": kept.get("stats"),
        "error": one_line(str(kept.get("error", ""))),
        "seconds": kept.get("seconds", {}),
        "tokens": kept.get("tokens", 0),
        "stopped": one_line(str(kept.get("stopped", ""))),
        "evidence": str(kept.get("evidence", "")),
        "late": one_line(str(kept.get("evidence_late", ""))),
        "constraints": constraints,
    }
    return sound_trial(data, what)


def origin_of(frozen: "FrozenTrial") -> str:
    """Return where a stored trial comes from: see `Trial.origin`."""
    return WITHDRAWN if is_withdrawn(frozen) else origin_in(frozen.user_attrs)


def is_withdrawn(frozen: "FrozenTrial") -> bool:
    """Whether a stored trial was interrupted, or begun twice; its point is asked for again."""
    # A state's name takes long to be told, so it is asked for last.
    return marked_withdrawn(frozen.user_attrs) and frozen.state.name == "FAIL"


def place(frozen: "FrozenTrial") -> int:
    """Return where a trial stands in its study: by number, but in the place that it repeats."""
    kept = frozen.user_attrs
    if PLACE not in kept:  # nearly all
        return int(frozen.number)
    found = kept[PLACE]
    sound_count(found, f"the place of trial {frozen.number} of the study")
    return int(found)


def partial_values(
    frozen: "FrozenTrial", objectives: Mapping[str, Direction]
) -> list[float] | None:
    """Return what a stopped trial's values would be by its estimates; None if one is missing."""
    kept = frozen.user_attrs.get("scores", {})
    if any(name not in kept for name in objectives):
        return None
    return [float(kept[name]["value"]) for name in objectives]


def _scores(
    frozen: "FrozenTrial", objectives: Mapping[str, Direction]
) -> dict[str, dict[str, Any]]:
    """Return the scores of a completed trial, or the estimates of a stopped one, as plain data."""
    kept = frozen.user_attrs.get("scores", {})
    if frozen.state.name not in ("COMPLETE", "PRUNED"):
        return {}
    values = frozen.values or [kept[name]["value"] for name in objectives]
    found = {
        name: {"value": value, "direction": direction, **_evidence(kept.get(name))}
        for (name, direction), value in zip(objectives.items(), values, strict=True)
    }
    others = {name: each for name, each in kept.items() if name not in objectives}
    return found | {
        name: {"value": each["value"], "direction": each["direction"], **_evidence(each)}
        for name, each in others.items()
    }


def _evidence(kept: Any) -> dict[str, Any]:
    if isinstance(kept, dict):
        return {key: kept.get(key) for key in ("stderr", "items", "seconds")}
    return {"stderr": None, "items": 0, "seconds": 0.0}
