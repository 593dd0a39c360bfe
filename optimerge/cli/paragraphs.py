"""Running text under a heading line: indented, no wider than the terminal or the help texts."""

import shutil
import sys
import textwrap

WIDTH = 100
"""Columns of the help texts; of a pipe too."""


def paragraph(text: str) -> str:
    """Return text wrapped and indented by two, further lines by four.

    >>> paragraph("use: two words")
    '  use: two words'
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    return textwrap.fill(
        text,
        min(columns, WIDTH),
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
