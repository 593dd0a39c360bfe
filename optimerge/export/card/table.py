"""The table of scores of a card."""

from optimerge.export.card.scores import Measured, Row
from optimerge.front.as_markdown import escaped
from optimerge.records.types import Score

KINDS = {"parent": "parent", "baseline": "baseline", "this": ""}

SEARCH = (
    "These are **search scores**: the search chose this model by these very items, among many, so "
    "its own row is flattered; nobody has measured by how much (`optimerge test`). The parents' "
    "rows were not chosen by anything."
)
TEST = "These are **test scores**, on items that the search never saw. No model was chosen by them"


def score_section(scores: Measured) -> list[str]:
    """Return the lines of the table, and what its numbers are worth."""
    arrows = {"maximize": "↑", "minimize": "↓"}
    heads = [
        f"{escaped(name)}{' (only reported)' if name in scores.reported else ''} {arrows[way]}"
        for name, way in scores.directions.items()
    ]
    lines = [_line(["model", "", *heads]), _line([":--", ":--", *["--:"] * len(heads)])]
    for row in scores.rows:
        cells = [_cell(row.scores.get(name)) for name in scores.directions]
        if row.kind == "this":
            lines.append(_line(["**this model**", "", *(f"**{c}**" if c else "" for c in cells)]))
        else:
            lines.append(_line([_name(row), KINDS[row.kind], *cells]))
    return [said(scores), "", *lines]


def said(scores: Measured) -> str:
    """Return what the numbers are, in a paragraph."""
    counts = sorted({score.items for score in scores.this.values() if score.items})
    items = f" Items a task: {' or '.join(map(str, counts))}; " if counts else " "
    sides = "± is one standard error; ↑ larger is better, ↓ smaller is better."
    if scores.items == "search":
        return f"{SEARCH}{items}{sides}"
    times = {0: "", 1: "; they were looked at once"}
    looks = times.get(scores.looks, f"; they were looked at {scores.looks} times")
    return f"{TEST}{looks}.{items}{sides}"


def _name(row: Row) -> str:
    return escaped(row.name)


def _cell(score: Score | None) -> str:
    if score is None or score.value != score.value:
        return ""
    return f"{score.value:.4g}" + (f" ± {score.stderr:.2g}" if score.stderr else "")


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
