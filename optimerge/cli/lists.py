"""Lists of names and what they are, within the terminal's width; whole lines in a pipe."""

from collections.abc import Sequence

import click

from optimerge.cli.screen import columns

_WORDS = 24
"""Columns that are left for the words; where the names leave fewer, the words go below."""


def names_and_words(rows: Sequence[tuple[str, str]], indent: int = 0) -> str:
    """Return rows as lines: the names, and words beside them, folded at the terminal's width."""
    width = columns()
    formatter = click.HelpFormatter(width=width)
    formatter.current_indent = indent
    formatter.write_dl(rows, col_max=width - _WORDS)
    return "\n".join(line.rstrip() for line in formatter.getvalue().splitlines())


def settings(rows: Sequence[tuple[str, str, str, str]]) -> str:
    """Return settings as lines: name, default, what is legal, and what it is for."""
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    heads = ["  ".join(f"{row[place]:{widths[place]}}" for place in range(3)) for row in rows]
    return names_and_words([(head, row[3]) for head, row in zip(heads, rows, strict=True)], 2)
