"""How long a search goes on, and how it is asked to stop."""

import time
from dataclasses import dataclass, field

DEFAULT_TRIALS = 200


@dataclass(frozen=True)
class Budget:
    """Finished trials of the run (earlier invocations included) and hours of this invocation."""

    trials: int | None
    hours: float | None
    started: float = field(default_factory=time.monotonic)

    def left(self, finished: int) -> bool:
        """Whether another trial may start."""
        if self.trials is not None and finished >= self.trials:
            return False
        return self.hours is None or self.elapsed < self.hours * 3600

    @property
    def elapsed(self) -> float:
        """Seconds since this invocation started."""
        return time.monotonic() - self.started


def make_budget(trials: int | None, hours: float | None) -> Budget:
    """Return the budget; with neither given, the default number of trials."""
    if trials is None and hours is None:
        trials = DEFAULT_TRIALS
    return Budget(trials, hours)


@dataclass
class Stop:
    """A request to stop, set from a signal handler: after this trial, or at once."""

    requested: bool = False
