"""Trials as tables: pandas frames, CSV and JSON, in the values that people read (not losses)."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optimerge.front.feasible import broken
from optimerge.front.front import Front
from optimerge.records.types import Direction, Trial

if TYPE_CHECKING:
    import pandas as pd


def front_table(front: Front) -> "pd.DataFrame":
    """Return one row a member, in the front's order.

    Columns: trial (name), origin, parent (whether base or expert), each objective followed by its
    `<objective>_stderr`, likewise each score that is not optimised, each constraint (how far
    beyond its limit the trial is; kept if <= 0), seconds (wall), then the parameters in order
    of first appearance.
    Unknown standard errors and parameters that a trial does not have are missing values.
    """
    return _table(front.members, front.objectives, lambda trial: {})


def all_table(trials: Sequence[Trial], objectives: Mapping[str, Direction]) -> "pd.DataFrame":
    """Return one row a trial, in the given order, whatever its state; scores may be missing.

    The columns of `front_table`, with state and error (why a trial failed) after parent, and
    infeasible (which constraints it breaks, and by how much) where the study has constraints.
    """
    limited = any(trial.constraints for trial in trials)

    def extra(trial: Trial) -> dict[str, str]:
        found = {"state": trial.state, "error": trial.error}
        return found | {"infeasible": broken(trial)} if limited else found

    return _table(trials, objectives, extra)


def to_csv(table: "pd.DataFrame") -> str:
    """Return the table as CSV without an index; missing values are empty, numbers are exact."""
    return table.to_csv(index=False, lineterminator="\n")


def to_json(front: Front) -> str:
    """Return the members as a JSON list of objects, in the front's order.

    Keys: number (null for a parent that is no trial), name, parent (bool), values and stderr (by
    objective, scores that are not optimised included), constraints (how far beyond each limit; all
    <= 0, as members are feasible) and params. Plain JSON: what is unknown, NaN or infinite is null.
    """
    members = [
        {
            "number": trial.number,
            "name": trial.name,
            "parent": trial.is_parent,
            "values": {name: plain(score.value) for name, score in trial.scores.items()},
            "stderr": {name: plain(score.stderr) for name, score in trial.scores.items()},
            "constraints": {name: plain(beyond) for name, beyond in trial.constraints.items()},
            "params": {name: plain(value) for name, value in trial.params.items()},
        }
        for trial in front.members
    ]
    return json.dumps(members, indent=2, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> float | int | str | bool | None:
    """Return the Python scalar that JSON can hold: no NumPy types, null for what is not finite.

    >>> import numpy as np
    >>> plain(np.float64(0.5)), plain(np.int64(3)), plain(float("nan")), plain(np.True_)
    (0.5, 3, None, True)
    """
    scalar = value.item() if hasattr(value, "item") else value
    if isinstance(scalar, float) and not math.isfinite(scalar):
        return None
    if scalar is None or isinstance(scalar, bool | int | float | str):
        return scalar
    raise TypeError(f"not a plain value: {value!r}")


def _table(
    trials: Sequence[Trial],
    objectives: Mapping[str, Direction],
    extra: Callable[[Trial], Mapping[str, str]],
) -> "pd.DataFrame":
    names = list(dict.fromkeys([*objectives, *(n for t in trials for n in t.scores)]))
    limits = list(dict.fromkeys(name for trial in trials for name in trial.constraints))
    rows = [_row(trial, names, limits, extra(trial)) for trial in trials]
    fixed = list(_row(_NOBODY, names, limits, extra(_NOBODY)))
    params = list(dict.fromkeys(name for trial in trials for name in trial.params))
    # a parameter that is called like a column gets a longer name, so that neither is lost
    titles = {name: f"params.{name}" if name in fixed else name for name in params}
    for row, trial in zip(rows, trials, strict=True):
        row.update({titles[name]: plain(trial.params.get(name)) for name in params})
    columns = [*fixed, *titles.values()]
    return _frame(columns, rows)


_NOBODY = Trial(None, "waiting", "sampler", {}, "")


def _row(
    trial: Trial, objectives: Sequence[str], limits: Sequence[str], extra: Mapping[str, str]
) -> dict[str, Any]:
    row: dict[str, Any] = {"trial": trial.name, "origin": trial.origin, "parent": trial.is_parent}
    row.update(extra)
    for name in objectives:
        score = trial.scores.get(name)
        row[name] = math.nan if score is None else score.value
        stderr = None if score is None else score.stderr
        row[f"{name}_stderr"] = math.nan if stderr is None else stderr
    row.update({name: trial.constraints.get(name, math.nan) for name in limits})
    return row | {"seconds": trial.elapsed}


def _frame(columns: list[str], rows: list[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({name: _column([row[name] for row in rows]) for name in columns})


def _column(values: list[Any]) -> Any:
    """Return a column that keeps integers whole where some are missing."""
    import pandas as pd

    present = [value for value in values if value is not None]
    whole = all(type(value) is int for value in present)
    if whole and present and len(present) < len(values):
        return pd.array(values, dtype="Int64")
    return pd.Series(values, dtype=None if values else "object")
