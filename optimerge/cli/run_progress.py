"""Shows the progress of a run that other processes make."""

from collections.abc import Sequence
from pathlib import Path

from optimerge.cli.progress import SearchProgress
from optimerge.records.run import find_run
from optimerge.records.types import Trial
from optimerge.search.budget import Budget


class RunProgress:
    """The progress of a run that the workers have yet to make."""

    def __init__(self, folder: Path, storage: str, budget: Budget) -> None:
        self._folder, self._storage, self._budget = folder, storage, budget
        self._run = find_run(folder, storage)
        self._progress: SearchProgress | None = None
        self._known = _ended(self._run.trials()).keys() if self._run else set[str]()
        """Names of the trials that had ended before, or were shown."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None:
        if self._progress:
            self._progress.__exit__(None, None, None)

    def look(self) -> None:
        """Show the trials that have ended since the last look."""
        if self._run is None:
            self._run = find_run(self._folder, self._storage)
        if self._run is None:
            return
        trials = self._run.trials()
        ended = _ended(trials)
        if self._progress is None:
            if ended.keys() == self._known and not any(t.state == "running" for t in trials):
                return  # the workers load their models: no time for the rate
            self._progress = SearchProgress(self._run, self._budget).__enter__()
        for name, trial in ended.items():
            if name not in self._known:
                self._progress.trial(trial)
        self._known = ended.keys()


def _ended(trials: Sequence[Trial]) -> dict[str, Trial]:
    return {t.name: t for t in trials if t.state not in ("waiting", "running")}
