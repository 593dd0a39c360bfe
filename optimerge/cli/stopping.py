"""Ctrl-C and SIGTERM: once = finish this trial, then stop; twice = stop now, put it back."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from optimerge.cli.screen import err
from optimerge.search.budget import Stop

ONCE = "stopping after this trial; {again} again stops now and puts the trial back"
TWICE = "stopped; what was running is put back, and the same command goes on"
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


@contextmanager
def stopping() -> Iterator[Stop]:
    """Give a Stop that the first signal sets; the second ends what is inside.

    After the second the command exits with the code that shells give the signal: 130 or 143.
    """
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.why = NAMES[signal.Signals(number)]
        stop.code = 128 + number
        stop.requested = True
        _tell(ONCE.format(again=stop.why))

    kept = {n: signal.signal(n, handle) for n in NAMES}
    try:
        yield stop
    except KeyboardInterrupt:
        if not stop.requested:  # not by a signal, so not by ours
            raise
        _tell(TWICE)
        raise click.exceptions.Exit(stop.code) from None
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _tell(text: str) -> None:
    """Print in a signal handler, which may have interrupted a print."""
    try:
        err().print(text)
    except RuntimeError:  # Python's own "reentrant call": the stream is in use
        with suppress(OSError):  # the stream cannot be written: no reason not to stop
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\n{text}\n".encode())
