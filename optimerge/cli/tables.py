"""Tables of trials for the screen."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from rich.table import Table
from rich.text import Text

from optimerge.cli.screen import number
from optimerge.front.front import Front
from optimerge.records.types import Direction, Trial


def front_screen(front: Front) -> Table:
    """Return the front as a table: members first, then the parents that are dominated."""
    return trials_screen([*front.members, *dominated_parents(front)], front)


def dominated_parents(front: Front) -> list[Trial]:
    """Return the parents that are not on the front."""
    return [t for t in front.trials if t.is_parent and t not in front.members]


def trials_screen(trials: Sequence[Trial], front: Front) -> Table:
    """Return trials as a table, one row each: name, objectives with standard errors, mean."""
    tasks = task_names(front.trials, front.objectives)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trial")
    table.add_column("")
    for name, direction in front.objectives.items():
        arrow = "↑" if direction == "maximize" else "↓"
        table.add_column(f"{name} {arrow}", justify="right")
    if len(tasks) > 1:
        table.add_column("mean of tasks", justify="right")
    best = best_values(front.trials, front.objectives)
    for trial in trials:
        cells = [_cell(trial, name, best[name]) for name in front.objectives]
        if len(tasks) > 1:
            cells.append(Text(number(mean_of(trial, tasks))))
        table.add_row(*_label(trial, front), *cells, style="bold" if trial.is_parent else "")
    return table


def _label(trial: Trial, front: Front) -> tuple[str, str]:
    if not trial.is_parent:
        return trial.name, "average" if trial.origin.startswith("warm:") else ""
    kind = "base" if trial.origin == "base" else "expert"
    mark = f"◂ {kind}" if trial in front.members else f"◂ {kind}, dominated"
    return trial.name, mark


def _cell(trial: Trial, name: str, best: float) -> Text:
    score = trial.scores[name]
    text = Text(number(score.value), style="green" if score.value == best else "")
    if score.stderr:
        text.append(f" ±{score.stderr:.3f}".replace("0.", ".", 1), style="dim")
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
