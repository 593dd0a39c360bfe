"""Running text under a heading line: indented, no wider than the terminal or the help texts."""

import textwrap

from optimerge.cli.screen import columns

WIDTH = 100
"""Columns of the help texts; of a pipe too."""


def paragraph(text: str) -> str:
    """Return text wrapped and indented by two, further lines by four.

    >>> paragraph("use: two words")
    '  use: two words'
    """
    return textwrap.fill(
        text,
        min(columns(WIDTH), WIDTH),
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
