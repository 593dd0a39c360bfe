"""Ctrl-C and SIGTERM: once = finish this trial, then stop; twice = stop now, put it back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from optimerge.cli.screen import err
from optimerge.search.budget import Stop

ONCE = "stopping after this trial; Ctrl-C again stops now and puts the trial back"


@contextmanager
def stopping() -> Iterator[Stop]:
    """Give a Stop that the first signal sets; the second raises KeyboardInterrupt."""
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True
        err().print(ONCE)

    kept = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
