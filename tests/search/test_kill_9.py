"""However often a search is killed, nothing that it reported is lost, and it ends up the same."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fake_search import Fake, open_fake, told
from killing import Driver

from optimerge.records.attributes import is_withdrawn
from optimerge.records.run import Run
from optimerge.records.shared_journal import SharedJournal
from optimerge.records.types import Trial

SECONDS = 0.05
"""That a scoring takes at least."""


@pytest.fixture
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.close()


def run_of(journal: Path) -> Run:
    return open_fake(SharedJournal(journal), Fake()).run


def key(origin: str, params: Mapping[str, Any]) -> tuple[str, str]:
    return origin, json.dumps(dict(params), sort_keys=True)


@pytest.mark.parametrize(
    ("kills", "trials"), [(4, 14), pytest.param(60, 100, marks=pytest.mark.slow)]
)
def test_kill_9_at_random_moments(driver: Driver, tmp_path: Path, kills: int, trials: int) -> None:
    """A kill comes after so many reports and a random part of a trial, or of the start.

    The journal takes 40 bytes at a time, so that many a kill tears a line. Two in a row without a
    report between them are the most: a trial that loses its worker three times is not tried again,
    which is another test's.
    """
    rng = random.Random(9)
    whole, parts = tmp_path / "whole.journal", tmp_path / "parts.journal"
    driver.start(whole, trials, seconds=SECONDS, piece=40)
    began = time.monotonic()
    starting, *rest = [time.monotonic() - began for _ in driver.reports()]
    assert len(rest) + 1 == trials
    assert driver.code == 0
    each = (rest[-1] - starting) / len(rest)
    wanted = told(run_of(whole))
    driver.reported.clear()
    idle, torn, kept = False, 0, set[tuple[str, str]]()
    for _ in range(kills):
        pid = driver.start(parts, trials, seconds=SECONDS, piece=40)
        reports = driver.reports()
        wait = rng.randrange(0, 3) if not idle else 1 + rng.randrange(0, 2)
        seen = 0
        while seen < wait and next(reports, None):
            seen += 1
        idle = seen == 0
        time.sleep(rng.random() * (each if seen else starting + each))
        os.kill(pid, signal.SIGKILL)  # the driver has not reaped it: it is still this one
        list(reports)
        assert driver.code == -9
        torn += not parts.read_bytes().endswith(b"\n")
        found = [key(t.origin, t.params) for t in ended(run_of(parts))]
        assert len(found) == len(set(found))  # none twice
        assert kept | reported(driver) <= set(found)  # none lost, neither told nor only recorded
        kept = set(found)
    driver.start(parts, trials)
    list(driver.reports())
    assert driver.code == 0
    run = run_of(parts)
    assert told(run) == wanted
    assert run.finished() == trials
    assert len(driver.reported) == len(reported(driver))  # none was done twice
    withdrawn = [t for t in run.search.trials if is_withdrawn(t)]
    print(f"{kills} kills: {len(withdrawn)} in a trial, {torn} in the middle of a line")
    assert len(withdrawn) >= kills // 6
    assert torn >= kills // 20


def ended(run: Run) -> list[Trial]:
    return [t for t in run.trials() if t.state not in ("running", "waiting")]


def reported(driver: Driver) -> set[tuple[str, str]]:
    split = (line.split("|", 1) for line in driver.reported)
    return {key(origin, json.loads(params)) for origin, params in split}
