"""Listens, beside the search, for requests to stop that come through the storage."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from optimerge.records.run import Run
from optimerge.records.stop_request import StopRequest, last_request
from optimerge.search.budget import Stop

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks."""


@contextmanager
def listening(
    run: Run, stop: Stop, known: str, say: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Obey requests to stop while the search goes on; `known`: the token of one that is old.

    One to stop after the running trial sets `stop`. One to stop at once interrupts the main thread
    by SIGINT as well, of which the search's handler, or Python's, makes a KeyboardInterrupt.
    """
    done = threading.Event()
    thread = threading.Thread(
        target=_listen, args=(run, stop, known, say, done), name="stop requests", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _listen(
    run: Run, stop: Stop, known: str, say: Callable[[str], None], done: threading.Event
) -> None:
    while not done.wait(EVERY):
        try:
            request = last_request(run)
        except Exception as error:  # a storage that is away is the search's affair, not this one's
            log.warning("cannot look for requests to stop: %s", error)
            continue
        if request is None or request.token == known:
            continue
        known = request.token
        if not done.is_set():
            _obey(request, stop, say)


def _obey(request: StopRequest, stop: Stop, say: Callable[[str], None]) -> None:
    how = "now; the trial is put back" if request.now else "after this trial"
    say(f"asked by `optimerge stop`: stopping {how}")
    log.info("asked to stop, %s", how)
    stop.why = "asked by `optimerge stop`"
    stop.requested = True
    if request.now:
        os.kill(os.getpid(), signal.SIGINT)
