"""Tables of trials for the screen."""

from collections.abc import Mapping, Sequence

from rich.text import Text

from optimerge.cli.grid import Column, Grid
from optimerge.cli.screen import number
from optimerge.cli.values import best_values, mean_of, task_names
from optimerge.front.certainty import NOTHING, Certainty, share
from optimerge.front.choose import choose
from optimerge.front.directions import arrow
from optimerge.front.feasible import broken, nearest_merge
from optimerge.front.front import Front
from optimerge.records.origins import BASE, WARM
from optimerge.records.plain import plain
from optimerge.records.types import Trial


def front_screen(
    front: Front, most: int | None = None, certainty: Certainty = NOTHING
) -> tuple[Grid, str]:
    """Return the front as a table, and a line that explains it.

    Members come first, best mean of the tasks first, then the parents that are dominated or
    infeasible. With `most`, only so many members are shown: the best means, every parent, the
    knee, and the best of each objective. Without a member the merge that comes nearest to keeping
    the constraints is shown.
    """
    tasks = task_names(front.trials, front.objectives)
    members = list(front.members)
    if len(tasks) > 1:
        members.sort(key=lambda t: -mean_of(t, tasks))
    shown = members if most is None or not members else _most_telling(front, members, most)
    beaten = dominated_parents(front)
    legend = "◂ parent" + (", ✗ dominated" if any(t.feasible for t in beaten) else "")
    near = nearest_merge(front.trials)
    if not members and near and near not in beaten:
        shown = [near]
    if hidden := len(members) - len(shown):
        legend += f"; {hidden} more on the front"
    return trials_screen([*shown, *beaten], front, certainty), legend


def _most_telling(front: Front, members: list[Trial], most: int) -> list[Trial]:
    kept = {knee_of(front).name, *(t.name for t in members if t.is_parent)}
    for name, best in best_values(front.feasible, front.objectives).items():
        kept.add(next(t.name for t in members if t.scores[name].value == best))
    for trial in members:
        if len(kept) < most:
            kept.add(trial.name)
    return [t for t in members if t.name in kept]


def knee_of(front: Front) -> Trial:
    """Return the trial at the knee of the front."""
    return choose(front, "knee")


def dominated_parents(front: Front) -> list[Trial]:
    """Return the parents that are not on the front."""
    return [t for t in front.trials if t.is_parent and t not in front.members]


def trials_screen(trials: Sequence[Trial], front: Front, certainty: Certainty = NOTHING) -> Grid:
    """Return trials as a table, one row each: name, objectives with standard errors, mean.

    What is certain of them comes last, if anything is known of it.
    """
    tasks = task_names(front.trials, front.objectives)
    best = best_values(front.feasible, front.objectives)
    knee = knee_of(front).name if front.members else ""
    marks = [_mark(t, front) + (" knee" if t.name == knee else "") for t in trials]
    columns = [
        Column("trial", [Text(plain(t.name)) for t in trials], right=False),
        Column("", [Text(plain(mark.strip())) for mark in marks], right=False),
    ]
    for name, direction in front.objectives.items():
        head = f"{plain(name)} {arrow(direction)}"
        columns.append(Column(head, [_cell(t, name, best[name]) for t in trials]))
    watched = [name for name in trials[0].scores if name not in front.objectives] if trials else []
    columns += [Column(plain(n), [_cell(t, n, None) for t in trials]) for n in watched]
    if len(tasks) > 1:
        columns.append(Column("mean", [Text(number(mean_of(t, tasks))) for t in trials]))
    if certainty.on_front:
        columns.append(_shares("P front", trials, certainty.on_front))
        columns.append(_shares("P > best parent", trials, certainty.beats_parents))
    return Grid(columns, ["bold" if t.is_parent else "" for t in trials])


def _shares(head: str, trials: Sequence[Trial], shares: Mapping[str, float]) -> Column:
    return Column(head, [Text(share(shares.get(trial.name))) for trial in trials])


def _mark(trial: Trial, front: Front) -> str:
    kind = trial.origin.removeprefix(WARM) if trial.origin.startswith(WARM) else ""
    if trial.is_parent:
        kind = "◂ base" if trial.origin == BASE else "◂ expert"
    if not trial.feasible:
        return f"{kind} infeasible: {broken(trial)}"
    dominated = trial.is_parent and trial not in front.members
    return f"{kind} ✗" if dominated else kind


def _cell(trial: Trial, name: str, best: float | None) -> Text:
    score = trial.scores.get(name)
    if score is None:
        return Text("-")
    text = Text(number(score.value), style="green" if score.value == best else "")
    if score.stderr:
        text.append(f" ±{number(score.stderr)}".replace("0.", ".", 1), style="dim")
    return text
