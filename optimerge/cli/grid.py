"""A table that keeps within the screen: by columns that go below, and names cut in the middle."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

_GAP = 2
_WORDS = 12
"""Characters of a name, or of other words, that are left at the least."""


@dataclass(frozen=True)
class Column:
    """One column; its cells are as they are shown."""

    head: str
    cells: Sequence[Text]
    right: bool = True
    """Numbers stand at the right, words at the left and may be cut."""

    @property
    def width(self) -> int:
        """Characters of the widest cell, or the head."""
        return max(Text(self.head).cell_len, *(cell.cell_len for cell in self.cells), 0)

    def within(self, width: int) -> "Column":
        """Return the column with its words cut in the middle to so many characters."""
        if self.right or self.width <= width:
            return self
        return Column(self.head, [middle(cell, width) for cell in self.cells], right=False)


@dataclass(frozen=True)
class Grid:
    """Rows with a name each, which is shown again where the columns do not fit side by side."""

    columns: Sequence[Column]
    """The first holds the names. Each has a cell a row."""
    styles: Sequence[str] = field(default=())
    """Of each row; none: plain."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[object]:
        """Yield as many tables as it takes, with an empty line between two."""
        for number, columns in enumerate(self.packed(options.max_width)):
            if number:
                yield Text()
            yield self._table(columns)

    def packed(self, width: int) -> list[list[Column]]:
        """Return the columns table by table: as many as fit side by side in so many characters."""
        if _width(self.columns) <= width:
            return [list(self.columns)]
        names, *others = (column.within(max(_WORDS, width // 3)) for column in self.columns)
        packed: list[list[Column]] = [[names]]
        for column in others:
            if len(packed[-1]) > 1 and _width([*packed[-1], column]) > width:
                packed.append([names])
            packed[-1].append(column)
        return packed

    def _table(self, columns: Sequence[Column]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            justify = "right" if column.right else "left"
            table.add_column(Text(column.head), justify=justify, no_wrap=True)  # type: ignore[arg-type]  # one of rich's words
        rows = zip(*(column.cells for column in columns), strict=True)
        for number, row in enumerate(rows):
            table.add_row(*row, style=self.styles[number] if self.styles else "")
        return table


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def middle(text: Text, width: int) -> Text:
    """Return a text of at most so many characters: of a longer one its start and its end.

    >>> middle(Text("Qwen1.5-7B-Liberated-128k"), 12).plain
    'Qwen1.…-128k'
    """
    if text.cell_len <= width:
        return text
    last = (width - 1) // 2
    return text[: width - 1 - last] + Text("…") + text[len(text) - last :]
