"""Makes what takes seconds before it is asked for: a view that is opened first is quick too."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from optimerge.dashboard.resource import Asked
from optimerge.dashboard.resources import certainty, history, importance, verdict
from optimerge.dashboard.source import Sources
from optimerge.errors import OptimergeError

SLOW = (history, importance, certainty, verdict)
"""Addresses whose answers take seconds, the first time and of large runs."""
GRACE = 2.0
"""Seconds that the answer that is being made has at the end."""
QUIET = 3.0
"""Seconds after the start that belong to whoever opens the page."""


@contextmanager
def warming(sources: Sources) -> Iterator[None]:
    """Make the slow answers of every run beside the block, one by one.

    The end of the block waits a moment for the one that is being made, and leaves it to the end of
    the process then.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_warm, args=(sources, ended), name="warming", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(GRACE)


def _warm(sources: Sources, ended: threading.Event) -> None:
    ended.wait(QUIET)
    for key in sources.all:
        for each in SLOW:
            if ended.is_set():
                return
            try:
                each.make(Asked(sources, {"run": key}))
            except OptimergeError:
                break  # whoever opens this run is told why
