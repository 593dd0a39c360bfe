"""The tables of a verdict as groups of columns, which a screen or a page sets side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from optimerge.front.certainty import share
from optimerge.front.directions import arrow
from optimerge.records.plain import one_line
from optimerge.records.types import Score
from optimerge.retest.beats import Comparison, Rivals
from optimerge.retest.figures import figure, signed, with_error
from optimerge.retest.gaps import gaps
from optimerge.retest.verdict import Line, Verdict

_SIDES: tuple[Rivals, Rivals] = ("parents", "baselines")


@dataclass(frozen=True)
class Row:
    """One model, or what other masks made of it."""

    line: Line
    masks: bool = False
    """Whether this is the row of its masks' spread."""

    @property
    def label(self) -> str:
        """What stands in the first column."""
        if not self.masks:
            return one_line(self.line.name)
        seeds = max(each.seeds for each in self.line.masks.values())
        return f"  {seeds} masks"


@dataclass(frozen=True)
class Group:
    """Columns that belong together."""

    title: str
    """What they are of; "" for the summary."""
    heads: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    """By row, in the order of `rows_of`."""


def rows_of(verdict: Verdict) -> list[Row]:
    """Return the rows of every table: the models, below each what other masks made of it."""
    rows = []
    for line in verdict.lines:
        if line.test:
            rows.append(Row(line))
            if line.masks:
                rows.append(Row(line, masks=True))
    return rows


def groups_of(verdict: Verdict) -> list[Group]:
    """Return the summary, then each objective, then what is only reported."""
    rows = rows_of(verdict)
    names = [*verdict.objectives, *verdict.reported]
    return [_summary(verdict, rows), *(_objective(name, verdict, rows) for name in names)]


def _summary(verdict: Verdict, rows: Sequence[Row]) -> Group:
    heads, several = ["front"], len(verdict.tasks) > 1
    if several:
        heads += ["search", "test", "gap"]
    heads += ["P front", "P > best parent", "P > best baseline"]
    cells = []
    for row in rows:
        if row.masks:
            cells.append(("",) * len(heads))
            continue
        line, found = row.line, [_fate(row.line)]
        if several:
            found += _three(
                {"": _mean(line.search, verdict.tasks)}, {"": _mean(line.test, verdict.tasks)}, ""
            )
        found.append(share(line.front_test))
        found += [_probability(verdict.of(line.name, side)) for side in _SIDES]
        cells.append(tuple(found))
    title = "mean ↑" if several else ""
    return Group(title, tuple(heads), tuple(cells))


def _objective(name: str, verdict: Verdict, rows: Sequence[Row]) -> Group:
    direction = {**verdict.objectives, **verdict.reported}[name]
    title = f"{one_line(name)} {arrow(direction)}"
    scores = [row.line.test[name] for row in rows if name in row.line.test]
    exact = not any(score.items or score.stderr for score in scores)
    only_test = name in verdict.reported or (
        exact and not any(row.line.gap[name].value for row in rows if name in row.line.gap)
    )
    heads = ["test"] if only_test else ["search", "test", "gap"]
    if exact and only_test:
        heads = ["value"]
    compared = any(c.task == name for c in verdict.test)
    cells = []
    for row in rows:
        line = row.line
        if row.masks:
            spread = line.masks.get(name)
            text = f"{figure(spread.low)} to {figure(spread.high)}" if spread else ""
            cell = [text] if only_test else ["", text, ""]
            cells.append((*cell, *(("", "") if compared else ())))
            continue
        cell = _three(line.search, line.test, name)
        cell = [cell[1]] if only_test else cell
        if compared:
            cell += [_probability(verdict.of(line.name, side, name)) for side in _SIDES]
        cells.append(tuple(cell))
    if compared:
        heads += ["P > best parent", "P > best baseline"]
    return Group(title, tuple(heads), tuple(cells))


def _fate(line: Line) -> str:
    if line.on_front is None:
        return ""
    if line.was_on_front:
        return "stays" if line.on_front else "falls"
    return "joins" if line.on_front else ""


def _three(search: Mapping[str, Score], test: Mapping[str, Score], name: str) -> list[str]:
    here, there = _score(search.get(name)), _score(test.get(name))
    gap = gaps(search, test).get(name) if here and there else None
    if gap is None:
        return [here, there, ""]
    return [here, there, figure(0.0) if not gap.value and not gap.stderr else signed(gap)]


def _score(score: Score | None) -> str:
    return (
        "" if score is None or score.value != score.value else with_error(score.value, score.stderr)
    )


def _mean(scores: Mapping[str, Score], tasks: Sequence[str]) -> Score:
    """Return the mean of the tasks, which are independent of each other; NaN if one lacks."""
    if any(name not in scores for name in tasks):
        return Score(math.nan, None, 0, "maximize", 0.0)
    found = [scores[name] for name in tasks]
    errors = [score.stderr for score in found if score.stderr is not None]
    error = math.hypot(*errors) / len(tasks) if len(errors) == len(tasks) else None
    items = sum(score.items for score in found)
    return Score(fmean(score.value for score in found), error, items, "maximize", 0.0)


def _probability(found: Comparison | None) -> str:
    """Return the probability of a comparison; a star where its corrected p-value is significant."""
    if found is None:
        return ""
    return share(found.probability) + ("*" if found.significant else "")
