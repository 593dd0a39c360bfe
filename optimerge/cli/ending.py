"""Runs a search's hooks when it ends: finished, stopped or failed."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from optimerge.records.run import Run
from optimerge.search.budget import Stop
from optimerge.search.hooks import Hooks, run_hooks
from optimerge.search.summary import Ended, summary

log = logging.getLogger(__name__)


@dataclass
class Ending:
    """What is known of the end, as far as it is known."""

    name: str
    """The run's."""
    run: Run | None = None
    """None until it is open."""
    reason: str = "the budget is used"
    """Why the search ends, if nobody stops it and nothing fails."""


@contextmanager
def told_of_the_end(
    hooks: Hooks,
    stop: Stop,
    name: str,
    warn: Callable[[str], None],
    started: float | None = None,
) -> Iterator[Ending]:
    """Run the hooks when what is inside ends; errors and interrupts are passed on afterwards.

    `started`: when the search began, on the monotonic clock, if that was not now.
    """
    ending, started = Ending(name), time.monotonic() if started is None else started
    state: Ended = "failed"
    try:
        yield ending
        state = "stopped" if stop.requested else "finished"
        if stop.requested:
            ending.reason = stop.why
    except KeyboardInterrupt:
        state, ending.reason = "stopped", stop.why or "interrupted"
        raise
    except BaseException as error:
        ending.reason = str(error).partition("\n")[0] or type(error).__name__
        raise
    finally:
        if hooks.command is not None or hooks.webhook is not None:
            _tell(hooks, ending, state, time.monotonic() - started, warn)


def _tell(
    hooks: Hooks, ending: Ending, state: Ended, seconds: float, warn: Callable[[str], None]
) -> None:
    try:
        told = summary(ending.run, ending.name, state, ending.reason, seconds)
    except Exception as error:  # the storage may be what failed; the end is told all the same
        log.warning("the run cannot be summed up: %s", error)
        told = summary(None, ending.name, state, ending.reason, seconds)
    run_hooks(hooks, told, warn)
