"""The process's output streams: characters that they cannot show, and readers that are gone."""

import codecs
import os
import select
import sys
from typing import IO

UNREAD = 141
"""Exit code if the reader of the output is gone, as shells give a process that SIGPIPE ended."""
_LIKE = {
    "±": "~",
    "↑": "^",
    "↓": "v",
    "◂": "<",
    "✗": "x",
    "×": "x",
    "·": "|",
    "…": "~",
    "–": "-",
    "—": "-",
    "−": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
}
"""What stands for a character where the output has none: one for one, so that columns stay."""
_HANDLER = "optimerge.like"


def able_streams() -> None:
    """Let standard output and error take every text, whatever their encoding: see `like`."""
    codecs.register_error(_HANDLER, like)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and not is_unicode(stream):
            stream.reconfigure(errors=_HANDLER)


def is_unicode(stream: IO[str]) -> bool:
    """Whether a stream's encoding has every character."""
    return (getattr(stream, "encoding", "") or "").lower().startswith("utf")


def like(error: UnicodeError) -> tuple[str, int]:
    """Return look-alikes of what an encoding lacks, as a handler of Python's codecs.

    >>> like(UnicodeEncodeError("ascii", "é ±.02模", 0, 7, ""))
    ('e ~.02?', 7)
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_like(character) for character in lacking), error.end


def _like(character: str) -> str:
    if character in _LIKE:
        return _LIKE[character]
    import unicodedata

    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain[:1] or "?"


def unread() -> bool:
    """Whether standard output or error leads to a pipe that nobody reads any more."""
    poll, gone = select.poll(), False
    for stream in (sys.stdout, sys.stderr):
        try:
            poll.register(stream.fileno(), 0)
        except (OSError, ValueError):  # no file, or a closed one
            continue
        gone = gone or any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    return gone


def let_go() -> None:
    """Send what is left in the streams' buffers nowhere: Python writes it out when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
