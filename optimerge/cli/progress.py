"""Shows how a search goes: a live bar on a terminal, a line a trial elsewhere."""

import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, TaskID

from optimerge.cli.bars import WIDTH, talking_bar
from optimerge.cli.screen import clock_in, duration, err, number
from optimerge.cli.values import best_values
from optimerge.front.front import front_of
from optimerge.records.run import Run
from optimerge.records.types import Trial
from optimerge.search.budget import Budget

APART = " · "
RECENT = 20
"""Trials that the rate is measured on."""
SHARE = 20
"""The front is measured anew after so many times the time that it takes: in a long run it takes
longer than a short trial."""


class SearchProgress:
    """An Observer that prints; use it as a context manager around the search."""

    def __init__(self, run: Run, budget: Budget, console: Console | None = None) -> None:
        self._run = run
        self._budget = budget
        self._console = console or err()
        self._before = run.finished()
        self._marks = deque([(time.monotonic(), self._before)], maxlen=RECENT + 1)
        self._measured: tuple[float, float, list[str]] | None = None
        """When the front was measured, how long that took, and what came of it."""
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if self._budget.left(self._before):  # else the bar would stand still, and stay
            self._bar = talking_bar(self._console)
        if self._bar:
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
        self._marks.append((time.monotonic(), finished))
        if self._bar:
            shown = self._fitting(self._parts(finished))
            self._bar.update(self._task, completed=finished, description=shown)
        else:
            text = self.line(finished, _told(trial))
            self._console.print(f"{datetime.now():%H:%M:%S} {text}", soft_wrap=True, markup=False)

    def line(self, finished: int, trial: str = "") -> str:
        """Return the state in one line: trials, rate, end, hypervolume, best, failures.

        `trial`: what is said of the trial that has ended just now.
        """
        return APART.join(self._parts(finished, trial))

    def _parts(self, finished: int, trial: str = "") -> list[str]:
        goal = f"/{self._budget.trials}" if self._budget.trials else ""
        parts = [f"{finished}{goal} trials", *([trial] if trial else []), *self._pace(finished)]
        last = self._budget.trials is not None and finished >= self._budget.trials
        return [*parts, *self._found(anew=last)]

    def _fitting(self, parts: Sequence[str]) -> str:
        """Return as many of the parts, from the first on, as there is room for beside the bar."""
        room, shown = self._console.width - WIDTH - 4, parts[0]
        for part in parts[1:]:
            if len(shown) + len(APART) + len(part) > room:
                break
            shown += APART + part
        return shown

    def _found(self, *, anew: bool) -> list[str]:
        """Return what the search has found; measured now, if it was not just before."""
        now = time.monotonic()
        if self._measured is not None and not anew:
            when, took, known = self._measured
            if now - when < SHARE * took:
                return known
        found = self._measure()
        self._measured = now, time.monotonic() - now, found
        return found

    def _measure(self) -> list[str]:
        trials = self._run.trials()
        front = front_of(self._run, trials)
        best = best_values(front.feasible, front.objectives)
        failed = sum(t.state == "failed" for t in trials)
        parts = []
        if self._run.reference is not None:
            parts.append(f"hypervolume {front.relative_hypervolume:.3f}")
        parts.append("best " + " ".join(f"{n} {number(v)}" for n, v in best.items()))
        if infeasible := len(front.trials) - len(front.feasible):
            parts.append(f"{infeasible} infeasible")
        if early := sum(t.state == "pruned" for t in trials):
            parts.append(f"{early} stopped early")
        if failed:
            parts.append(f"{failed} failed")
        return parts

    def _pace(self, finished: int) -> list[str]:
        when, before = self._marks[0]
        done = finished - before
        if done <= 0:
            return []
        each = (time.monotonic() - when) / done
        rate = f"{3600 / each:.0f}/h" if each > 6 else f"{60 / max(each, 1e-3):.0f}/min"
        left = []
        if self._budget.trials:
            left.append(each * (self._budget.trials - finished))
        if self._budget.seconds_left is not None:
            left.append(self._budget.seconds_left)
        if not left:
            return [rate]
        rest = max(0.0, min(left))
        return [rate, f"{duration(rest)} left, ends {clock_in(rest, datetime.now())}"]


def _told(trial: Trial) -> str:
    """Return what came of one trial."""
    if trial.state == "failed":
        return f"{trial.name} failed: {trial.error}"
    values = " ".join(f"{name} {number(s.value)}" for name, s in trial.scores.items())
    return f"{trial.name} {'stopped early' if trial.state == 'pruned' else values}"
