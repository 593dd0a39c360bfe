"""Tables of trials for the screen."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from rich.table import Table
from rich.text import Text

from optimerge.cli.screen import number
from optimerge.front.certainty import NOTHING, Certainty, share
from optimerge.front.choose import choose
from optimerge.front.feasible import broken, nearest
from optimerge.front.front import Front
from optimerge.records.plain import plain
from optimerge.records.types import Direction, Trial


def front_screen(
    front: Front, most: int | None = None, certainty: Certainty = NOTHING
) -> tuple[Table, str]:
    """Return the front as a table, and a line that explains it.

    Members come first, best mean of the tasks first, then the parents that are dominated or
    infeasible. With `most`, only so many members are shown: the best means, every parent, the
    knee, and the best of each objective. Without a member the trial that comes nearest to keeping
    the constraints is shown.
    """
    tasks = task_names(front.trials, front.objectives)
    members = list(front.members)
    if len(tasks) > 1:
        members.sort(key=lambda t: -mean_of(t, tasks))
    shown = members if most is None or not members else _most_telling(front, members, most)
    beaten = dominated_parents(front)
    legend = "◂ parent" + (", ✗ dominated" if any(t.feasible for t in beaten) else "")
    near = nearest(front.trials)
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


def trials_screen(trials: Sequence[Trial], front: Front, certainty: Certainty = NOTHING) -> Table:
    """Return trials as a table, one row each: name, objectives with standard errors, mean.

    What is certain of them comes last, if anything is known of it.
    """
    tasks = task_names(front.trials, front.objectives)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trial", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, direction in front.objectives.items():
        arrow = "↑" if direction == "maximize" else "↓"
        table.add_column(f"{plain(name)} {arrow}", justify="right", no_wrap=True)
    watched = [name for name in trials[0].scores if name not in front.objectives] if trials else []
    for name in watched:
        table.add_column(plain(name), justify="right", no_wrap=True)
    if len(tasks) > 1:
        table.add_column("mean", justify="right", no_wrap=True)
    for head in ("P front", "P > best parent") if certainty.on_front else ():
        table.add_column(head, justify="right", no_wrap=True)
    best = best_values(front.feasible, front.objectives)
    knee = knee_of(front).name if front.members else ""
    for trial in trials:
        cells = [_cell(trial, name, best[name]) for name in front.objectives]
        cells += [_cell(trial, name, None) for name in watched]
        if len(tasks) > 1:
            cells.append(Text(number(mean_of(trial, tasks))))
        if certainty.on_front:
            cells.append(Text(share(certainty.on_front.get(trial.name))))
            cells.append(Text(share(certainty.beats_parents.get(trial.name))))
        mark = _mark(trial, front) + (" knee" if trial.name == knee else "")
        style = "bold" if trial.is_parent else ""
        table.add_row(plain(trial.name), plain(mark.strip()), *cells, style=style)
    return table


def _mark(trial: Trial, front: Front) -> str:
    kind = trial.origin.removeprefix("warm:") if trial.origin.startswith("warm:") else ""
    if trial.is_parent:
        kind = "◂ base" if trial.origin == "base" else "◂ expert"
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


def task_names(trials: Iterable[Trial], objectives: Mapping[str, Direction]) -> list[str]:
    """Return the objectives that are scores on items and are maximised."""
    first = next((t for t in trials if t.scores), None)
    if first is None:
        return []
    return [n for n, d in objectives.items() if d == "maximize" and first.scores[n].items]


def mean_of(trial: Trial, tasks: Sequence[str]) -> float:
    """Return the plain mean of a trial's scores on the tasks."""
    return fmean(trial.scores[name].value for name in tasks)


def best_values(trials: Sequence[Trial], objectives: Mapping[str, Direction]) -> dict[str, float]:
    """Return the best value of each objective; NaN while there is none."""
    found = {}
    for name, direction in objectives.items():
        values = [t.scores[name].value for t in trials if name in t.scores]
        pick = max if direction == "maximize" else min
        found[name] = pick(values, default=float("nan"))
    return found
