"""Trials as one flat table, a pandas frame, in the values that people read (not losses).

The columns are those of `front_table` and of `all_table` alike, in this order:

    trial                 name: the number, or what a parent or a soup is called
    origin                base, expert:NAME, warm:NAME, sampler, ...
    parent                whether it is the base or an expert as given
    state                 complete, failed, pruned, running or waiting
    on_front              whether no other trial dominates it
    p_front               the probability of that, by what is known of the errors (`certainty`)
    p_beats_best_parent   the probability that its mean over the tasks is above every parent's
                          (both missing where they are not asked for, or not known)
    error                 why it failed or was stopped, else empty
    OBJECTIVE             its value; of a pruned trial an estimate from a part of the items
    OBJECTIVE_stderr      standard error of that value over items; missing where unknown
                          (both for every objective in the study's order, then for every score
                          that is only watched)
    CONSTRAINT            how far beyond its limit the trial is; kept if <= 0
    infeasible            which constraints it breaks, and by how much; only if there are any
    stats.nonzero_share   share of the parameters that differ from the base, 0 to 1
    stats.l1, stats.l2    sum of |merged - base|, root of the sum of squares
    seconds               wall seconds that the trial took
    PARAMETER             its value; missing where the trial does not have it

A name that a column before it has gets `scores.`, `constraints.` or `params.` before it. What is
not known is a missing value. Columns keep their places while a run grows: new ones come last in
their kind.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from optimerge.front.certainty import NOTHING, Certainty
from optimerge.front.feasible import broken
from optimerge.front.front import Front
from optimerge.front.json_values import json_value, utf8_text
from optimerge.records.types import MergeStats, Trial

if TYPE_CHECKING:
    import pandas as pd

STATS = ("stats.nonzero_share", "stats.l1", "stats.l2")


def front_table(front: Front, certainty: Certainty = NOTHING) -> "pd.DataFrame":
    """Return one row a member, in the front's order."""
    return _table(front.members, front.trials, front, certainty)


def all_table(
    trials: Sequence[Trial], front: Front, certainty: Certainty = NOTHING
) -> "pd.DataFrame":
    """Return one row a trial, in the given order, whatever its state; `front` is theirs."""
    return _table(trials, (*front.trials, *trials), front, certainty)


def merge_stats(stats: MergeStats | None) -> dict[str, float | None]:
    """Return what a trial's merge changed, by column; None where nothing is known.

    >>> merge_stats(MergeStats(1.0, 4, 1, 0.5, 0.5))
    {'stats.nonzero_share': 0.25, 'stats.l1': 0.5, 'stats.l2': 0.5}
    """
    if stats is None or not stats.compared:
        return dict.fromkeys(STATS)
    return dict(zip(STATS, (stats.nonzero_share, stats.l1, stats.l2), strict=True))


def score_names(trials: Iterable[Trial], objectives: Iterable[str]) -> list[str]:
    """Return the objectives, then the scores that are only watched."""
    return list(dict.fromkeys([*objectives, *(name for t in trials for name in t.scores)]))


def _table(
    rows: Sequence[Trial], known: Sequence[Trial], front: Front, certainty: Certainty
) -> "pd.DataFrame":
    import pandas as pd

    columns = _columns(rows, known, front, certainty)
    return pd.DataFrame({title: _column(values) for title, values in columns.items()})


def _columns(
    rows: Sequence[Trial], known: Sequence[Trial], front: Front, certainty: Certainty
) -> dict[str, list[Any]]:
    on_front = {identity(trial) for trial in front.members}
    found: dict[str, list[Any]] = {
        "trial": [trial.name for trial in rows],
        "origin": [trial.origin for trial in rows],
        "parent": [trial.is_parent for trial in rows],
        "state": [str(trial.state) for trial in rows],
        "on_front": [identity(trial) in on_front for trial in rows],
        "p_front": [certainty.on_front.get(trial.name) for trial in rows],
        "p_beats_best_parent": [certainty.beats_parents.get(trial.name) for trial in rows],
        "error": [trial.error or trial.stopped for trial in rows],
    }
    later = {"infeasible", "seconds", *STATS}

    def add(title: str, kind: str, values: list[Any]) -> str:
        title = utf8_text(title)
        while title in found or title in later:
            title = f"{kind}.{title}"
        found[title] = values
        return title

    for name in score_names(known, front.objectives):
        scores = [trial.scores.get(name) for trial in rows]
        title = add(name, "scores", [None if s is None else float(s.value) for s in scores])
        errors = [None if s is None or s.stderr is None else float(s.stderr) for s in scores]
        add(f"{title}_stderr", "scores", errors)
    limits = list(dict.fromkeys(name for trial in known for name in trial.constraints))
    for name in limits:
        beyond = [trial.constraints.get(name) for trial in rows]
        add(name, "constraints", [None if b is None else float(b) for b in beyond])
    if limits:
        found["infeasible"] = [broken(trial) for trial in rows]
    stats = [merge_stats(trial.stats) for trial in rows]
    found |= {title: [each[title] for each in stats] for title in STATS}
    found["seconds"] = [float(trial.elapsed) for trial in rows]
    for name in dict.fromkeys(name for trial in known for name in trial.params):
        add(name, "params", [json_value(trial.params.get(name)) for trial in rows])
    return found


def identity(trial: Trial) -> tuple[int | None, str, str]:
    """Return what tells a trial from the others of its run."""
    return trial.number, trial.origin, trial.recipe


def _column(values: list[Any]) -> Any:
    """Return a column: integers stay whole where some are missing, other numbers are floats."""
    import pandas as pd

    values = [utf8_text(value) if isinstance(value, str) else value for value in values]
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if kinds == {int} and any(abs(value) >= 2**63 for value in present):
        return pd.Series(values, dtype="object")
    if kinds == {int} and len(present) < len(values):
        return pd.array(values, dtype="Int64")
    if kinds == {bool} and len(present) < len(values):
        return pd.array(values, dtype="boolean")
    if kinds and kinds <= {int, float}:
        return pd.Series(values, dtype="int64" if kinds == {int} else "float64")
    if not present:
        return pd.Series(values, dtype="float64")
    return pd.Series(values, dtype="bool" if kinds == {bool} else "object")
