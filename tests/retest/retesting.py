"""What tests of retests do again and again."""

from pathlib import Path

from optimerge.cli.quiet import quiet
from optimerge.records.run import open_run
from optimerge.records.types import Trial
from optimerge.retest.plan import Plan, Wanted
from optimerge.retest.retest import retest
from optimerge.retest.session import open_for_test
from optimerge.search.budget import Stop
from optimerge.search.session import Session


class Seen:
    """An observer that keeps what it is told, and may ask for a stop."""

    def __init__(self, stop: Stop | None = None, after: int = -1) -> None:
        self.scores: list[tuple[str, str]] = []
        self.trials: list[Trial] = []
        self.plan: Plan | None = None
        self._stop, self._after = stop, after

    def planned(self, plan: Plan) -> None:
        self.plan = plan

    def scored(self, name: str, trial: Trial, where: str) -> None:
        self.scores.append((name, where))
        self.trials.append(trial)
        if self._stop and len(self.scores) == self._after:
            self._stop.requested = True

    def passed(self) -> None: ...


def opened(folder: Path, report: Path | None = None) -> Session:
    with quiet(scoring=True):
        return open_for_test(open_run(folder), "cpu", report=report)


def retested(
    folder: Path,
    wanted: Wanted | None = None,
    seen: Seen | None = None,
    stop: Stop | None = None,
    report: Path | None = None,
) -> Session:
    session = opened(folder, report)
    with quiet(scoring=True):
        retest(session, wanted or Wanted(), stop or Stop(), seen or Seen())
    return session
