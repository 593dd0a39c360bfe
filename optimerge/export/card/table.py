"""The table of scores of a card."""

from optimerge.export.card.scores import Measured
from optimerge.front.directions import arrow
from optimerge.front.markdown import escaped, score_cell, table_heads, table_row

KINDS = {"parent": "parent", "baseline": "baseline", "this": ""}

SEARCH = (
    "These are **search scores**: the search chose this model by these very items, among many, so "
    "its own row is flattered; nobody has measured by how much (`optimerge test`). The parents' "
    "rows were not chosen by anything."
)
TEST = "These are **test scores**, on items that the search never saw. No model was chosen by them"


def score_section(scores: Measured) -> list[str]:
    """Return the lines of the table, and what its numbers are worth."""
    titles = [
        f"{escaped(name)}{' (only reported)' if name in scores.reported else ''} {arrow(way)}"
        for name, way in scores.directions.items()
    ]
    lines = table_heads(["model", ""], titles)
    for each in scores.rows:
        cells = [score_cell(each.scores.get(name)) for name in scores.directions]
        if each.kind == "this":
            lines.append(
                table_row(["**this model**", "", *(f"**{c}**" if c else "" for c in cells)])
            )
        else:
            lines.append(table_row([escaped(each.name), KINDS[each.kind], *cells]))
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
