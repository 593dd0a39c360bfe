"""Shows how a search goes: a live bar on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from optimerge.cli.screen import duration, err, number
from optimerge.cli.tables import best_values
from optimerge.front.front import make_front
from optimerge.records.run import Run
from optimerge.records.types import Trial
from optimerge.search.budget import Budget

PLAIN_EVERY = 20.0
"""Seconds between two lines where there is no terminal."""


class SearchProgress:
    """An Observer that prints; use it as a context manager around the search."""

    def __init__(self, run: Run, budget: Budget, console: Console | None = None) -> None:
        self._run = run
        self._budget = budget
        self._console = console or err()
        self._before = run.finished()
        self._last_line = time.monotonic()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                BarColumn(bar_width=20),
                TextColumn("{task.description}"),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("scoring the parents", total=self._budget.trials)
            self._bar.update(self._task, completed=self._before)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def trial(self, trial: Trial) -> None:
        """Show the state after a finished trial."""
        finished = self._run.finished()
        text = self.line(finished)
        if self._bar:
            self._bar.update(self._task, completed=finished, description=text)
        elif self._due(finished):
            self._last_line = time.monotonic()
            self._console.print(text, soft_wrap=True)

    def line(self, finished: int) -> str:
        """Return the state in one line: trials, rate, time left, hypervolume, best, failures."""
        trials = self._run.trials()
        objectives = self._run.info.objectives
        front = make_front(trials, objectives, self._run.reference)
        best = best_values(front.feasible, objectives)
        failed = sum(t.state == "failed" for t in trials)
        goal = f"/{self._budget.trials}" if self._budget.trials else ""
        parts = [f"{finished}{goal} trials", *self._pace(finished)]
        if self._run.reference is not None:
            parts.append(f"hypervolume {front.relative_hypervolume:.3f}")
        parts.append("best " + " ".join(f"{n} {number(v)}" for n, v in best.items()))
        if infeasible := len(front.trials) - len(front.feasible):
            parts.append(f"{infeasible} infeasible")
        if early := sum(t.state == "pruned" for t in trials):
            parts.append(f"{early} stopped early")
        if failed:
            parts.append(f"{failed} failed")
        return " · ".join(parts)

    def _pace(self, finished: int) -> list[str]:
        done = finished - self._before
        if not done:
            return []
        each = self._budget.elapsed / done
        rate = f"{3600 / each:.0f}/h" if each > 6 else f"{60 / each:.0f}/min"
        left = []
        if self._budget.trials:
            left.append(each * (self._budget.trials - finished))
        if self._budget.seconds_left is not None:
            left.append(self._budget.seconds_left)
        return [rate, f"{duration(max(0.0, min(left)))} left"] if left else [rate]

    def _due(self, finished: int) -> bool:
        last = self._budget.trials is not None and finished >= self._budget.trials
        return last or time.monotonic() - self._last_line >= PLAIN_EVERY
