"""A thread that reads what a merge needs next while it works on what it has."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from optimerge.merge.ring import Ring

if TYPE_CHECKING:
    from torch import Tensor

Fill = Callable[[int, "Tensor"], None]


@dataclass
class Times:
    """Seconds spent so far."""

    reading: float = 0.0
    """By the thread."""
    waiting: float = 0.0
    """By the merge, for the thread."""


class ReadAhead:
    """Fills pieces of a ring, step after step; a context manager, whose thread ends with it.

    Args:
        ring: Where to; as large as the largest step.
        sizes: Bytes of each step, at least 1.
        fill: Reads one step, by number, into its piece (uint8). What it raises is raised by
            `next` in that step's turn.
        ahead: Whether to read before it is asked for.
        times: What is counted up.
    """

    def __init__(
        self, ring: Ring, sizes: Sequence[int], fill: Fill, *, ahead: bool, times: Times
    ) -> None:
        self._ring, self._sizes, self._fill = ring, sizes, fill
        self._ahead, self._times = ahead, times
        self._changed = Condition()
        self._ready: deque[Tensor] = deque()
        self._wanted = self._stopped = False
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="optimerge read-ahead", daemon=True)

    def __enter__(self) -> "ReadAhead":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()
        while len(self._ring):
            self._ring.give_back()

    def next(self) -> "Tensor":
        """Return the next step's piece, filled; it stays as it is until `release`."""
        started = time.perf_counter()
        with self._changed:
            self._wanted = True
            self._changed.notify_all()
            while not self._ready:
                if self._error is not None:
                    raise self._error
                self._changed.wait()
            self._wanted = False
            self._times.waiting += time.perf_counter() - started
            return self._ready.popleft()

    def release(self) -> None:
        """Let the oldest piece be filled anew."""
        with self._changed:
            self._ring.give_back()
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            for number, size in enumerate(self._sizes):
                piece = self._take(size)
                if piece is None:
                    return
                started = time.perf_counter()
                self._fill(number, piece)
                with self._changed:
                    self._times.reading += time.perf_counter() - started
                    self._ready.append(piece)
                    self._changed.notify_all()
        except BaseException as error:  # the merge's thread raises it: `next`
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _take(self, size: int) -> "Tensor | None":
        """Wait for room and return it; None when it is time to stop."""
        with self._changed:
            while not self._stopped:
                if self._ahead or (self._wanted and not self._ready):
                    piece = self._ring.take(size)
                    if piece is not None:
                        return piece
                self._changed.wait()
        return None
