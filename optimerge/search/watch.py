"""Limits how long one trial may take, in three steps.

1. When its time is up, TimeUpError is raised in the main thread, by a signal: that ends whatever is
   at work between two steps of Python, and sleeps, reads and waits. The trial fails; the search
   goes on.
2. Code that does not come back to Python (a kernel that hangs) sees no signal. After a grace the
   watching thread records the trial as failed, in the main thread's stead, and has the process
   replaced: see `optimerge.search.again`.
3. Code that hangs and lets no other thread run either (it holds Python's lock) is ended by
   `faulthandler`, which needs no lock, with exit code 1 and the traceback on standard error.
   Nothing can be recorded then; the next search, or what started this one, puts the trial back.

The signal is SIGVTALRM, which nothing else uses: SIGALRM is taken by scoring code (lm-eval's
minerva_math sets alarms of its own).
"""

import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from optimerge.errors import TrialError

log = logging.getLogger(__name__)

GRACE = 60.0
"""Seconds after its time that a trial may take to notice; a tenth of the limit if that is more."""
REPEAT = 15.0
"""Seconds after which the signal is sent again: what it raises may have been swallowed. Not often,
for it is raised in what tidies up too."""
LOST = 75
"""Exit code of a process that gives up a trial and cannot be replaced: "try again"."""

T = TypeVar("T")


class TimeUpError(BaseException):
    """The trial's time is up. No Exception: scoring code does not take it for one of its own."""


@dataclass
class _Turn:
    """One trial's turn."""

    give_up: Callable[[str], object]
    left: threading.Event = field(default_factory=threading.Event)
    armed: bool = True
    """Whether the signal raises."""
    given_up: bool = False


class Watch:
    """Watches over the trials of one search, one at a time."""

    def __init__(
        self,
        seconds: float | None = None,
        replace: Callable[[], object] = lambda: None,
        *,
        again: bool = False,
    ) -> None:
        """Make one.

        Args:
            seconds: That a trial may take; None: as long as it likes.
            replace: Replaces the process, or ends it; if it returns, the process ends with `LOST`.
            again: Whether this process is such a replacement.
        """
        self.seconds, self.again = seconds, again
        self._replace = replace
        self._lock = threading.Lock()
        self._turn: _Turn | None = None

    @property
    def reason(self) -> str:
        """Why a trial failed that took too long."""
        return f"it took longer than the {(self.seconds or 0) / 60:g} minutes of trial_timeout"

    def guard(self, do: Callable[[], T], give_up: Callable[[str], object]) -> T:
        """Return what `do` returns; TrialError if it takes too long. Only in the main thread.

        `give_up` is called in another thread, with the reason, if `do` cannot be stopped; this
        function then never returns.
        """
        if self.seconds is None or threading.current_thread() is not threading.main_thread():
            return do()
        turn = self._turn = _Turn(give_up)
        try:
            return self._guarded(turn, do)
        except TimeUpError:
            log.exception("a trial's time is up; this is where it was")
            raise TrialError(self.reason) from None
        finally:
            self._leave(turn)

    def _guarded(self, turn: _Turn, do: Callable[[], T]) -> T:
        kept = signal.signal(signal.SIGVTALRM, self._raise)
        watcher = threading.Thread(target=self._watch, args=(turn,), name="watch", daemon=True)
        _end_if_deaf((self.seconds or 0) + 2 * self._grace)
        watcher.start()
        try:
            return do()
        finally:
            self._leave(turn)
            faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGVTALRM, kept)

    def _raise(self, number: int, frame: object) -> None:
        if self._turn is not None and self._turn.armed:
            raise TimeUpError

    def _leave(self, turn: _Turn) -> None:
        turn.armed = False  # first: from here on nothing is raised
        with self._lock:
            turn.left.set()
            given_up = turn.given_up
        if given_up:  # it came back after all, and too late: the process is being replaced
            threading.Event().wait()

    @property
    def _grace(self) -> float:
        return max(GRACE, 0.1 * (self.seconds or 0))

    def _watch(self, turn: _Turn) -> None:
        if turn.left.wait(self.seconds):
            return
        main, ends = threading.main_thread().ident, time.monotonic() + self._grace
        while time.monotonic() < ends:
            with self._lock:
                if turn.left.is_set():
                    return
                signal.pthread_kill(main or 0, signal.SIGVTALRM)
            if turn.left.wait(min(REPEAT, self._grace / 4)):
                return
        with self._lock:
            if turn.left.is_set():
                return
            turn.given_up = True
        self._give_up(turn)

    def _give_up(self, turn: _Turn) -> NoReturn:
        faulthandler.cancel_dump_traceback_later()  # this thread runs, and may have to wait
        reason = f"{self.reason}, and could not be stopped"
        log.error("a trial cannot be stopped: the process is replaced\n%s", _traceback())
        try:
            turn.give_up(reason)
        except Exception:
            log.exception("the trial cannot be recorded; a later search puts it back")
        try:
            self._replace()
        finally:
            os._exit(LOST)


NO_LIMIT = Watch()


def _end_if_deaf(seconds: float) -> None:
    try:
        stream = sys.__stderr__.fileno() if sys.__stderr__ else 2
    except (OSError, ValueError):  # there is none
        stream = 2
    faulthandler.dump_traceback_later(seconds, exit=True, file=stream)


def _traceback() -> str:
    """Return where the main thread is."""
    import traceback

    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else ""
