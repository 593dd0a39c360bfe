"""Text of a stranger's files as a terminal may be given it."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All that moves the cursor, sets colours or titles, or turns the order of characters round; not
the tab and the new line."""


def plain(text: str) -> str:
    """Return the text with control characters written out: a run folder commands no terminal.

    JSON stays the JSON that it was.

    >>> plain("knee" + chr(27) + "[2J")
    'knee\\\\u001b[2J'
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """Return the text in one line, with what ends a line written out too.

    >>> one_line("a" + chr(10) + "b")
    'a\\\\u000ab'
    """
    return plain("".join(f"\\u{ord(c):04x}" if c in _ENDS else c for c in text))


_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What `str.splitlines` takes for the end of a line."""
