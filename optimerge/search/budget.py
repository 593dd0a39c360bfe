"""How long a search goes on, and how it is asked to stop."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from optimerge.space.clock import seconds_until

DEFAULT_TRIALS = 200


@dataclass(frozen=True)
class Budget:
    """Finished trials of the run (earlier invocations included) and time of this invocation.

    All times are on the monotonic clock: a wall clock that is put back or on changes nothing.
    """

    trials: int | None
    hours: float | None
    started: float = field(default_factory=time.monotonic)
    end: float | None = None
    """When the time of day is reached at which the search is to end."""

    def left(self, finished: int) -> bool:
        """Whether another trial may start."""
        if self.trials is not None and finished >= self.trials:
            return False
        return self.seconds_left is None or self.seconds_left > 0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until time is up; None if only trials are counted."""
        ends = [self.end] if self.end is not None else []
        if self.hours is not None:
            ends.append(self.started + self.hours * 3600)
        return min(ends) - time.monotonic() if ends else None

    @property
    def ends(self) -> str | None:
        """When time will be up, by this machine's wall clock, for people to read; ISO, in UTC."""
        left = self.seconds_left
        if left is None or left > 1e9:
            return None
        then = datetime.fromtimestamp(time.time() + left, UTC)
        return then.isoformat(timespec="seconds")

    @property
    def elapsed(self) -> float:
        """Seconds since this invocation started."""
        return time.monotonic() - self.started


def make_budget(trials: int | None, hours: float | None, until: str | None = None) -> Budget:
    """Return the budget; with nothing given, the default number of trials.

    `until`: a time of day, HH:MM; the next such local time. The wall clock is read once, now.
    """
    if trials is None and hours is None and until is None:
        trials = DEFAULT_TRIALS
    started = time.monotonic()
    end = None if until is None else started + seconds_until(until, datetime.now())
    return Budget(trials, hours, started, end)


@dataclass
class Stop:
    """A request to stop after this trial: set by a signal, or by `optimerge stop`."""

    requested: bool = False
    why: str = ""
    """Who asked for it."""
    code: int = 130
    """What the command exits with: 128 and the signal's number."""
