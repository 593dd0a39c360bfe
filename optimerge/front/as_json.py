"""Trials as JSON: a list of objects, nested where the flat table has prefixes."""

import json
from collections.abc import Sequence

from optimerge.front.certainty import NOTHING, Certainty
from optimerge.front.front import Front
from optimerge.front.json_values import json_value
from optimerge.front.table import identity, merge_stats
from optimerge.records.types import Trial


def to_json(trials: Sequence[Trial], front: Front, certainty: Certainty = NOTHING) -> str:
    """Return the trials as a JSON list of objects, in the given order; `front` is theirs.

    Keys: number (null for a parent that is no trial), name, origin, parent (bool), state, on_front
    (bool), p_front and p_beats_best_parent (as in `front.table`), error, values and stderr (by
    objective, scores that are not optimised included), constraints (how far beyond each limit),
    stats (nonzero_share, l1, l2), seconds and params.
    Plain JSON: what is unknown, NaN or infinite is null.
    """
    members = {identity(trial) for trial in front.members}
    found = [
        {
            "number": trial.number,
            "name": trial.name,
            "origin": trial.origin,
            "parent": trial.is_parent,
            "state": trial.state,
            "on_front": identity(trial) in members,
            "p_front": json_value(certainty.on_front.get(trial.name)),
            "p_beats_best_parent": json_value(certainty.beats_parents.get(trial.name)),
            "error": trial.error or trial.stopped,
            "values": {name: json_value(score.value) for name, score in trial.scores.items()},
            "stderr": {name: json_value(score.stderr) for name, score in trial.scores.items()},
            "constraints": {name: json_value(beyond) for name, beyond in trial.constraints.items()},
            "stats": {
                name.removeprefix("stats."): json_value(value)
                for name, value in merge_stats(trial.stats).items()
            },
            "seconds": json_value(trial.elapsed),
            "params": {name: json_value(value) for name, value in trial.params.items()},
        }
        for trial in trials
    ]
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
