"""How long a search may go on: trials, hours, a time of day; whatever becomes of the clocks."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fake_search import TELLTALE, Fake, Journal, Watcher, open_fake

from optimerge.cli.main import run
from optimerge.search import budget as budgets
from optimerge.search.budget import DEFAULT_TRIALS, Stop, make_budget
from optimerge.search.study import search


class Clocks:
    """A wall clock and a monotonic one; the wall clock can be set."""

    def __init__(self, now: datetime) -> None:
        self.wall, self.ticks, self.asked = now, 5000.0, 0
        self.fromtimestamp = datetime.fromtimestamp

    def now(self) -> datetime:
        self.asked += 1
        return self.wall

    def monotonic(self) -> float:
        return self.ticks


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    found = Clocks(datetime(2026, 7, 1, 22, 0))
    monkeypatch.setattr(budgets, "datetime", found)
    monkeypatch.setattr(
        budgets, "time", SimpleNamespace(monotonic=found.monotonic, time=lambda: 0.0)
    )
    return found


@pytest.mark.parametrize("becomes", [datetime(2025, 1, 1), datetime(2026, 7, 1, 20), datetime.max])
def test_a_clock_that_is_set_changes_nothing(clocks: Clocks, becomes: datetime) -> None:
    budget = make_budget(None, None, "07:00")
    clocks.wall = becomes
    assert budget.seconds_left == 9 * 3600
    clocks.ticks += 9 * 3600 - 1
    assert budget.left(10**6)
    clocks.ticks += 1
    assert not budget.left(0)
    assert clocks.asked == 1


@pytest.mark.parametrize(
    ("trials", "hours", "until", "left"),
    [
        (None, 10, "07:00", 9 * 3600),
        (None, 8, "07:00", 8 * 3600),
        (7, None, "07:00", 9 * 3600),
        (7, None, None, None),
        (None, None, None, None),
    ],
)
def test_what_is_used_up_first_ends_it(clocks: Clocks, trials, hours, until, left) -> None:
    budget = make_budget(trials, hours, until)
    assert budget.seconds_left == left
    most = trials or (None if left else DEFAULT_TRIALS)
    assert budget.left((most or 10**6) - 1)
    assert most is None or not budget.left(most)
    clocks.ticks += left or 0
    assert budget.left(0) is (left is None)


def test_the_loop_ends_at_the_time_of_day(clocks: Clocks) -> None:
    class Slow(Fake):
        def score(self, candidate: Any, race: Any = None) -> Any:
            clocks.ticks += 3600
            clocks.wall = datetime(2020, 1, 1)  # and somebody puts the clock back
            return super().score(candidate, race)

    session = open_fake(Journal(), Slow())
    stop = Stop()
    search(session, make_budget(None, None, "07:00"), TELLTALE[False], stop, Watcher(stop, None))
    assert session.run.finished() == 9


@pytest.mark.parametrize("given", ["25:00", "7", "soon"])
def test_a_wrong_time_is_said_in_one_sentence(given: str, capsys: Any) -> None:
    assert run(["search", "space.yaml", "--until", given]) == 2
    assert "'--until': give a time of day from" in capsys.readouterr().err
