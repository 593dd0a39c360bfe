"""Counts trials that have ended, each looked at once: a long run asks for their number often."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class Counted:
    """How many of one study's ended trials count; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looked = self._found = 0
        """The trials below that number have all ended; so many of them count."""

    def count(
        self, trials: "Sequence[FrozenTrial]", counts: "Callable[[FrozenTrial], bool]"
    ) -> "tuple[int, list[FrozenTrial]]":
        """Return how many of the trials have ended and count, and those that have not ended.

        What has ended never changes.

        `trials`: all of the study, by number. A storage that shows one later than the next is
        looked at from there on each time.
        """
        with self._lock:
            while self._looked < len(trials):
                trial = trials[self._looked]
                if trial.number != self._looked or not trial.state.is_finished():
                    break
                self._found += counts(trial)
                self._looked += 1
            others = trials[self._looked :]
            found = sum(counts(trial) for trial in others if trial.state.is_finished())
            return self._found + found, [t for t in others if not t.state.is_finished()]
