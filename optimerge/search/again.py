"""Starts the same command again in the place of this process, where a trial cannot be stopped.

The process number stays, so that a batch system, a supervisor or a shell sees one command. What the
command line does not say is handed over in the environment: since when, until when, and which
request to stop is known.
"""

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

KEY = "OPTIMERGE_AGAIN"
restartable = False
"""Whether this process was started by optimerge's own command line; else nothing is replaced."""


@dataclass(frozen=True)
class Again:
    """What a search hands over to the one that replaces it."""

    folder: str
    """The run folder, whole path."""
    started: float
    """When the search began, on the monotonic clock: the same in every process of a machine."""
    end: float | None
    """When it is to end at a time of day, on the same clock."""
    heard: str
    """Token of the last request to stop that is older than the search."""
    hung: bool = True
    """Whether it was replaced because of a trial that hung; else it was started again after it
    died, by its supervisor."""


def handed_over(folder: Path) -> Again | None:
    """Return what the search before handed over, once; None for one that starts of itself."""
    kept = os.environ.pop(KEY, None)
    if kept is None:
        return None
    with suppress(ChildProcessError):  # helpers of the search before, which ended with it
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    try:
        found = Again(**json.loads(kept))
    except (ValueError, TypeError):  # somebody else's variable
        return None
    return found if found.folder == str(folder.resolve()) else None


def environment(again: Again) -> dict[str, str]:
    """Return the environment variables that hand it over."""
    return {KEY: json.dumps(asdict(again))}


def start_again(again: Again) -> None:
    """Replace this process by the same command, which goes on; returns where that may not be."""
    if not restartable:
        return
    os.environ.update(environment(again))
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
