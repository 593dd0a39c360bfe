"""However often a search is killed, nothing that it reported is lost, and it ends up the same."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_search import Fake, open_fake, told
from killing import Driver

from optimerge.records.attributes import is_withdrawn
from optimerge.records.run import Run
from optimerge.records.shared_journal import SharedJournal


@pytest.fixture
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.close()


def run_of(journal: Path) -> Run:
    return open_fake(SharedJournal(journal), Fake()).run


def names(trials: list[Any]) -> list[tuple[str, str]]:
    return [(origin, str(dict(params))) for origin, _, params, *_ in trials]


@pytest.mark.parametrize(
    ("kills", "trials"), [(4, 14), pytest.param(60, 100, marks=pytest.mark.slow)]
)
def test_kill_9_at_random_moments(driver: Driver, tmp_path: Path, kills: int, trials: int) -> None:
    """A kill comes after so many reports and a random part of a trial, or while it starts.

    Two in a row without a report between them are the most: a trial that loses its worker three
    times is not tried again, which is another test's.
    """
    rng = random.Random(9)
    whole, parts = tmp_path / "whole.journal", tmp_path / "parts.journal"
    driver.start(whole, trials)
    began = time.monotonic()
    assert len(list(driver.reports())) == trials
    each = (time.monotonic() - began) / trials
    assert driver.code == 0
    wanted = told(run_of(whole))
    driver.reported.clear()
    done, idle, hit = 0, False, 0
    while done < kills:
        pid, reports = driver.start(parts, trials), driver.reports()
        wait = rng.randrange(0, 3) if not idle else 1 + rng.randrange(0, 2)
        seen = 0
        while seen < wait and next(reports, None):
            seen += 1
        idle = seen == 0
        time.sleep(rng.random() * each)
        hit += bool(_running(parts))
        os.kill(pid, signal.SIGKILL)  # the driver has not reaped it: it is still this one
        list(reports)
        assert driver.code in (-9, 0)
        done += 1
    driver.start(parts, trials)
    list(driver.reports())
    assert driver.code == 0
    run = run_of(parts)
    assert told(run) == wanted
    assert run.finished() == trials
    reported = [tuple(line.split("|", 1)) for line in driver.reported]
    assert len(reported) == len(set(reported))  # none was done twice
    assert {origin for origin, _ in reported} <= {t.origin for t in run.trials()}
    withdrawn = [t for t in run.search.trials if is_withdrawn(t)]
    assert hit >= kills // 3
    assert len(withdrawn) >= kills // 4


def _running(journal: Path) -> bool:
    return b'"state":0' in journal.read_bytes() if journal.exists() else False
