"""What goes to the screen: one console for results, one for progress, one way with numbers.

Standard output has results: tables, data, what was made. Standard error has all else: what is done
now, notes, progress, errors.
"""

import logging
import shutil
import sys
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, cast

from optimerge.records.durations import duration as duration  # one way with time, here too

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 10_000
"""Columns of an output that is no terminal: no line of ours is as long."""
log = logging.getLogger(__name__)


def out() -> "Console":
    """Return the console for results: standard output.

    What stands in brackets or colons in a name is no markup and no emoji. BrokenPipeError is
    raised where nobody reads any more.
    """
    return _console(None, soft_wrap=True)


def err() -> "Console":
    """Return the console for progress and remarks: standard error.

    Where that cannot be written (a log file on a full disk, a terminal or a `tee` that is gone)
    nothing is shown: what is said of a search is no reason to end it.
    """
    return _console(cast(IO[str], _Stderr()))


def _console(file: IO[str] | None, **options: Any) -> "Console":
    """Return a console: colours as rich decides (a terminal, NO_COLOR, FORCE_COLOR).

    It is as wide as the terminal; where there is none nothing is cut or folded.
    """
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich's own ends the process with exit code 1

    console = Ours(file=file, highlight=False, markup=False, emoji=False, **options)
    if not watched(console):
        console.width = WIDE
    return console


def say(text: str) -> None:
    """Tell what is done now."""
    err().print(f"{text} ...", style="dim")


def note(text: str) -> None:
    """Tell what a reader should know, and may not expect."""
    err().print(f"note: {text}")


def watched(console: "Console") -> bool:
    """Whether a terminal shows what is printed: only there bars move, and widths matter.

    FORCE_COLOR alone makes none.
    """
    isatty = getattr(console.file, "isatty", None)
    return bool(console.is_terminal and isatty and isatty())


def columns(piped: int = WIDE) -> int:
    """Return the terminal's width in characters; `piped` where standard output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else piped


class _Stderr:
    """Standard error as it is at each write; of what cannot be written the log keeps a word."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except OSError as error:
            log.warning("the screen cannot be written (%s): %s", error.strerror, text.strip())
            return len(text)

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except OSError as error:
            log.info("the screen cannot be written (%s)", error.strerror)


def number(value: float) -> str:
    """Return a score as people read it: three decimals, or three digits of a large one."""
    if value != value:
        return "-"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"


def clock_in(seconds: float, now: datetime) -> str:
    """Return the time of day so many seconds from now, with its day if that is not today.

    >>> clock_in(3600, datetime(2026, 7, 1, 22)), clock_in(9 * 3600, datetime(2026, 7, 1, 22))
    ('23:00', 'Thu 07:00')
    """
    try:
        then = now + timedelta(seconds=seconds)
    except OverflowError:
        return "never"
    if then.date() == now.date():
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if seconds < 6 * 86400 else f"{then:%Y-%m-%d}"


def count(number_of: int) -> str:
    """Return a large count as people read it.

    >>> count(9616), count(1_234_567), count(7_240_000_000)
    ('9 616', '1.23 million', '7.24 billion')
    """
    if number_of < 1e6:
        return f"{number_of:,}".replace(",", " ")
    return f"{number_of / 1e6:.3g} million" if number_of < 1e9 else f"{number_of / 1e9:.3g} billion"
