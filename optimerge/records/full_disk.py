"""Waits, while a disk is full, until there is room again, and then goes on.

    with waiting_for_room(say, give_up):
        ...            # in here what is written to a run folder waits instead of failing
        patiently(folder, write)

Outside of it a full disk is an OSError, as ever: whoever reads a run does not wait.
"""

import errno
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from optimerge.errors import RunError

EVERY = 30.0
"""Seconds between two attempts."""
LOOK = 0.2
"""Seconds between two looks at whether to give up."""
FULL = (errno.ENOSPC, errno.EDQUOT)

T = TypeVar("T")


@dataclass
class _Waiting:
    say: Callable[[str], None]
    give_up: Callable[[], bool]
    said: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, text: str, *, waits: bool) -> None:
        """Say it, once for all threads that wait at the same time."""
        with self.lock:
            if self.said is not waits:
                self.said = waits
                self.say(text)


_waiting: list[_Waiting] = []
"""At most one: a process has one search."""


def is_full(error: BaseException) -> bool:
    """Whether the error, or its cause, says that the disk or the user's share of it is full."""
    return any(isinstance(e, OSError) and e.errno in FULL for e in (error, error.__cause__))


@contextmanager
def waiting_for_room(say: Callable[[str], None], give_up: Callable[[], bool]) -> Iterator[None]:
    """Let all that is written in here wait for room; `give_up`: whether to wait no longer.

    `say` is told, once each time, that it waits, and that it goes on. A log that cannot be written
    meanwhile is no error.
    """
    _waiting.append(_Waiting(say, give_up))
    kept, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        yield
    finally:
        _waiting.pop()
        logging.raiseExceptions = kept


def patiently(where: Path, write: Callable[[], T]) -> T:
    """Return what `write` returns; while the disk is full it is called again, every 30 seconds.

    `write` must leave nothing behind where it fails. Where nobody waits its own OSError, or the
    RunError that it made of it; KeyboardInterrupt where the search was asked to stop, for what is
    to be written cannot be.
    """
    waited = None
    while True:
        try:
            done = write()
        except (OSError, RunError) as error:
            if not is_full(error) or not _waiting:
                raise
            waited = _waiting[-1]
            waited.tell(_waits(where), waits=True)
            if not pause(EVERY):
                if threading.current_thread() is threading.main_thread():
                    raise KeyboardInterrupt from error
                raise
            continue
        if waited is not None:
            waited.tell(f"{where}: there is room again; the search goes on", waits=False)
        return done


def _waits(where: Path) -> str:
    return (
        f"{where}: cannot be written, the disk is full; make room there: the search waits and "
        f"tries again every {EVERY:g} seconds (Ctrl-C stops it; the trial is then repeated later)"
    )


def pause(seconds: float) -> bool:
    """Wait before the next attempt at something; return whether to make it."""
    event, left = threading.Event(), seconds
    while left > 0 and not _given_up():
        event.wait(min(LOOK, left))
        left -= LOOK
    return not _given_up()


def say(text: str) -> None:
    """Tell whoever waits for room that something else is waited for, or came to an end."""
    if _waiting:
        _waiting[-1].say(text)


def _given_up() -> bool:
    return bool(_waiting) and _waiting[-1].give_up()
