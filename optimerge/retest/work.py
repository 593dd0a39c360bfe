"""Retests a run from beginning to end: lock, models, scores, results."""

from collections.abc import Callable
from pathlib import Path

from optimerge.records.run import Run, make_writable, mend_journal, open_run
from optimerge.records.types import Trial
from optimerge.retest.plan import Plan, Wanted
from optimerge.retest.read import read_results
from optimerge.retest.retest import Observer, retest
from optimerge.retest.session import open_for_test
from optimerge.retest.tested import Results
from optimerge.search.budget import Stop
from optimerge.search.listening import listening
from optimerge.search.lock import sole_writer

Say = Callable[[str], None]


class Silent:
    """An observer that says nothing."""

    def planned(self, plan: Plan) -> None:
        """Say nothing."""

    def scored(self, name: str, trial: Trial, where: str) -> None:
        """Say nothing."""

    def passed(self) -> None:
        """Say nothing."""


def retest_run(
    run: Run,
    wanted: Wanted,
    device: str,
    *,
    report: Path | None = None,
    allow_code: bool = False,
    trust_code: bool = False,
    storage: str = "",
    artifacts: str = "",
    stop: Stop | None = None,
    observer: Observer | None = None,
    say: Say = lambda _: None,
    warn: Say = lambda _: None,
) -> Results | None:
    """Score what is wanted and not scored yet, and return all that is known.

    None if a stop came before anything was scored. The run folder is held alone meanwhile:
    RunError if a search is at work in it.
    """
    stop = stop or Stop()
    make_writable(run.folder)
    with sole_writer(run.folder):
        mend_journal(run.folder)
        session = open_for_test(
            run,
            device,
            report=report,
            allow_code=allow_code,
            trust_code=trust_code,
            storage=storage,
            artifacts=artifacts,
            say=say,
            warn=warn,
        )
        with listening(session.run, stop, session.heard, say):
            retest(session, wanted, stop, observer or Silent(), allow_code=allow_code)
        session.run.artifacts.bring()
    return read_results(open_run(run.folder, storage, artifacts))
