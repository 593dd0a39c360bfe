"""The process's output streams: characters that they cannot show, and readers that are gone."""

import codecs
import io
import os
import select
import sys

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
_HANDLER, _CODEC = "optimerge.like", "optimerge_ascii"


def able_streams() -> None:
    """Let standard output and error take every text, whatever their encoding: see `like`.

    An output in ASCII gets a codec of another name: click takes ASCII for a mistake, and writes
    UTF-8 instead.
    """
    codecs.register_error(_HANDLER, like)
    codecs.register(lambda name: _ascii() if name == _CODEC else None)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            encoding = _CODEC if ascii_only else stream.encoding
            stream.reconfigure(encoding=encoding, errors=_HANDLER)


def _ascii() -> codecs.CodecInfo:
    known = codecs.lookup("ascii")
    return codecs.CodecInfo(
        name=_CODEC,
        encode=known.encode,
        decode=known.decode,
        incrementalencoder=known.incrementalencoder,
        incrementaldecoder=known.incrementaldecoder,
    )


def same_bytes(content: str | bytes) -> str | bytes:
    """Return what programs read as UTF-8, whatever the terminal's encoding; text for a text buffer.

    What stands in for the output (`contextlib.redirect_stdout`) may take no bytes.
    """
    data = content.encode() if isinstance(content, str) else content
    return data if hasattr(sys.stdout, "buffer") else data.decode()


def like(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what stands for a character that an encoding lacks, as a handler of Python's codecs.

    Of a file's name that is no text, the very byte.

    >>> like(UnicodeEncodeError("ascii", "0.5 ±.02", 4, 5, "no such character"))
    ('~', 5)
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _like(character), error.start + 1


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
