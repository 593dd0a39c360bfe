"""Soups and baselines are held while they are scored, as candidates are: nobody takes them away."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_search import TELLTALE, Fake, Journal, fake_search, open_fake

from optimerge.objectives.evaluation import Scored
from optimerge.records import lease as leases
from optimerge.records.lease import BEAT, Watch, new_worker
from optimerge.retest.baselines import BASELINES
from optimerge.retest.found import Finder
from optimerge.search.beside import score_beside
from optimerge.search.budget import Stop
from optimerge.search.lease import Lease, running_trials
from optimerge.search.session import Session
from optimerge.search.soup import greedy_soup, soup_recipe
from optimerge.search.tell import LOST_TOO_OFTEN, put_back

TASKS = ["t", "u"]
SLOWEST = 2.0
"""Seconds that a beat may take here, where one comes every few milliseconds."""


class Long(Fake):
    """Does something in the course of every scoring."""

    during: Callable[[], None] = staticmethod(lambda: None)

    def score(self, candidate: Any, race: Any = None) -> Scored:
        self.during()
        return super().score(candidate, race)


class Looker:
    """Another worker, to whom several minutes pass while a candidate is scored."""

    def __init__(self, journal: Journal) -> None:
        self.session, self._now = open_fake(journal, Fake()), 0.0
        self._lease = Lease(
            self.session.run, new_worker(), Watch(lambda: self._now, patience=60.0, step=20.0)
        )
        self.saw: list[str] = []

    def __call__(self) -> None:
        self.saw += [t.user_attrs["origin"] for t in running_trials(self.session.run.parents)]
        for _ in range(9):
            self._wait_for_a_beat()
            self._now += 10.0
            self._lease.put_back_lost()

    def _wait_for_a_beat(self) -> None:
        before, ends = self._beats(), time.monotonic() + SLOWEST
        while self._beats() == before and time.monotonic() < ends:
            time.sleep(0.001)

    def _beats(self) -> list[Any]:
        return [t.user_attrs.get(BEAT) for t in running_trials(self.session.run.parents)]


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A run whose parents are scored, whose workers beat every few milliseconds."""
    made = Journal()
    fake_search(made, TELLTALE[False], 3)
    monkeypatch.setattr(leases, "BEAT_EVERY", 0.002)
    return made


def session_of(journal: Journal, during: Callable[[], None]) -> Session:
    fake = Long()
    fake.during = during
    return replace(open_fake(journal, fake), worker=new_worker())


def test_a_soup_that_is_scored_for_minutes_is_not_taken_for_lost(journal: Journal) -> None:
    looker = Looker(journal)
    steps = list(greedy_soup(session_of(journal, looker), Stop()))
    assert [step.trial.state for step in steps] == ["complete", "complete"]
    assert looker.saw == ["soup:a+b"]
    assert running_trials(looker.session.run.parents) == []


@pytest.mark.parametrize("name", ["uniform", "greedy_soup"])
def test_a_baseline_that_is_scored_for_minutes_is_not_taken_for_lost(
    journal: Journal, name: str
) -> None:
    looker = Looker(journal)
    session = session_of(journal, looker)
    with Lease(session.run, session.worker) as lease:
        finder = Finder(session, lease, TASKS, Stop(), lambda name, trial: None)
        found = finder.find(next(each for each in BASELINES if each.name == name))
    assert found is not None
    assert found.trial.state == "complete"
    assert looker.saw == [{"uniform": "baseline:uniform", "greedy_soup": "soup:a+b"}[name]]


def test_a_soup_that_another_worker_put_back_is_scored_again_and_failed_the_third_time(
    journal: Journal,
) -> None:
    other, taken = open_fake(journal, Fake()).run.parents, []

    def take() -> None:
        if len(taken) < most:
            [trial] = running_trials(other)
            put_back(other, trial._trial_id, lost=True)
            taken.append(trial.number)

    session = session_of(journal, take)
    recipe = soup_recipe(session, ["a", "b"])
    with Lease(session.run, session.worker) as lease:
        most = 3
        failed = score_beside(session, lease, recipe, "soup:a+b")
        most = 5
        assert score_beside(session, lease, recipe, "soup:other").state == "complete"
    assert (failed.state, failed.error) == ("failed", LOST_TOO_OFTEN)
    assert len(taken) == 5
