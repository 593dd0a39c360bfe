"""Opens an existing run for a retest: its own space, its models, its records."""

from collections.abc import Callable
from pathlib import Path

from optimerge.errors import RunError
from optimerge.records.run import Run
from optimerge.records.space import space_of
from optimerge.retest.study import REPORT, open_tests
from optimerge.search.session import Session, open_session
from optimerge.space.read import read_space
from optimerge.space.settings import overridden
from optimerge.space.space import SearchSpace

Say = Callable[[str], None]


def retest_space(run: Run, report: Path | None = None) -> SearchSpace:
    """Return the space that a run keeps, with the `report:` in force.

    `report`: a search-space file whose `report:` block takes the place of it. That it is the same
    space otherwise is checked when the session is opened.
    """
    info = run.info
    if report is not None:
        asked = read_space(report)
        if not asked.report:
            raise RunError(
                f"{report}: the key 'report' is missing or empty; name under it what is to be "
                "measured, or leave --report out"
            )
        return overridden(asked, seed=info.seed, exact=info.exact, task_vectors=info.task_vectors)
    study = open_tests(run)
    kept = study.user_attrs.get(REPORT) if study else None
    return space_of(info, None if kept is None else {"report": kept})


def open_for_test(
    run: Run,
    device: str,
    *,
    report: Path | None = None,
    allow_code: bool = False,
    trust_code: bool = False,
    storage: str = "",
    artifacts: str = "",
    say: Say = lambda _: None,
    warn: Say = lambda _: None,
) -> Session:
    """Open a run's session; RunError if its parents are not scored yet, or the space is another."""
    if run.reference is None:
        raise RunError(
            f"{run.folder}: its parents are not all scored yet, so there is nothing to compare "
            "with; go on with `optimerge search` first"
        )
    return open_session(
        retest_space(run, report),
        run.folder,
        device=device,
        allow_code=allow_code,
        trust_code=trust_code,
        storage=storage,
        artifacts=artifacts,
        say=say,
        warn=warn,
    )
