"""Running text under a heading line: indented, and no wider than the help texts are."""

import textwrap

WIDTH = 100


def paragraph(text: str) -> str:
    """Return text wrapped and indented by two, further lines by four.

    >>> paragraph("use: two words")
    '  use: two words'
    """
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
