"""A verdict on the screen: its first line, tables as wide as the screen, and sentences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.measure import measure_renderables
from rich.table import Table
from rich.text import Text

from optimerge.records.plain import plain
from optimerge.retest.grid import Group, Row, groups_of, rows_of
from optimerge.retest.sections import sections
from optimerge.retest.sentences import headline

if TYPE_CHECKING:
    from rich.console import Console

    from optimerge.retest.verdict import Verdict

_KINDS = {"merge": "merges", "parent": "parents", "baseline": "baselines", "ensemble": "reference"}
PAGE = 200
"""Characters up to which groups of columns share a table, where the output is no terminal."""
_NAME = 10
"""Characters of a name that are always shown."""


def print_verdict(verdict: "Verdict", console: "Console") -> None:
    """Print the verdict; groups of columns share a table as far as the screen is wide enough."""
    _say(console, plain(headline(verdict)), style="bold")
    rows = rows_of(verdict)
    for groups in _packed(groups_of(verdict), rows, console):
        console.print()
        console.print(_table(groups, rows, console))
    for title, texts in sections(verdict):
        console.print()
        _say(console, title, style="bold")
        for text in texts:
            _say(console, plain(text))


def _say(console: "Console", text: str, style: str = "") -> None:
    """Print a sentence in lines of the screen's width, which `soft_wrap` would leave to it."""
    console.print(Text(text, style=style), soft_wrap=False, no_wrap=False, overflow="fold")


def _packed(groups: Sequence[Group], rows: Sequence[Row], console: "Console") -> list[list[Group]]:
    """Return the groups, table by table: as many as fit side by side."""
    packed: list[list[Group]] = []
    for group in groups:
        wider = [*packed[-1], group] if packed else []
        if packed and _width(wider, rows, console) <= min(console.width, PAGE):
            packed[-1] = wider
        else:
            packed.append([group])
    return packed


def _width(groups: Sequence[Group], rows: Sequence[Row], console: "Console") -> int:
    wide = console.options.update(max_width=10_000)
    return measure_renderables(console, wide, [_table(groups, rows)]).maximum


def _table(groups: Sequence[Group], rows: Sequence[Row], console: "Console | None" = None) -> Table:
    """Return one table; where it is wider than the console it moves together, then cuts names."""
    longest, apart = max((len(row.label) + 1 for row in rows), default=5), 2
    if console is not None:
        over = _width(groups, rows, console) - console.width
        if over > 0:
            apart, over = 1, over - sum(len(group.heads) for group in groups)
        longest = max(min(longest, _NAME), longest - max(0, over))
    table = Table(box=None, pad_edge=False, padding=(0, apart, 0, 0), header_style="bold")
    table.add_column("model", no_wrap=True, overflow="ellipsis", max_width=longest)
    for group in groups:
        under = group.heads.index("search") if "search" in group.heads else 0
        for place, head in enumerate(group.heads):
            title = _head(group.title if place == under else "", head)
            table.add_column(title, justify="right", no_wrap=True)
    kind = ""
    for index, row in enumerate(rows):
        cells = [_cell(cell) for group in groups for cell in group.cells[index]]
        if row.masks and not any(cells):
            continue
        if row.line.kind != kind:
            kind = row.line.kind
            table.add_row(Text(_KINDS[kind], style="dim"))
        style = "dim" if row.masks else "bold" if kind == "parent" else ""
        table.add_row(Text(f" {plain(row.label)}"), *cells, style=style)
    return table


def _head(title: str, head: str) -> Text:
    """Return a column's head in two lines: what the group is of, or the start of a long head."""
    start, _, end = head.rpartition(" ")
    return Text(f"{start or plain(title)}\n{end}", justify="right")


def _cell(cell: str) -> Text:
    """Return a cell: errors dim, what is significant green, what fell off the front yellow."""
    value, mark, error = plain(cell).partition(" ±")
    style = "green" if value.endswith("*") else "yellow" if value == "falls" else ""
    text = Text(value, style=style)
    return text.append(f"{mark}{error}", style="dim")
