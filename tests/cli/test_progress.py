"""What a search says of itself: a line a trial, its rate and its end; what `status` says."""

import io
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from optimerge.cli import progress as module
from optimerge.cli import status
from optimerge.cli.progress import SearchProgress
from optimerge.cli.screen import clock_in
from optimerge.records.activity import Activity
from optimerge.records.types import Score, State, Trial
from optimerge.search import budget as budgets
from optimerge.search.budget import Budget

NOON = datetime(2026, 7, 1, 22, 0)


def trial(number: int, state: State = "complete", value: float = 0.5) -> Trial:
    scores = {"t": Score(value, 0.0, 10, "maximize", 0.0)} if state == "complete" else {}
    return Trial(number, state, "sampler", {}, "", scores, error="it [bold]broke[/bold]")


class FakeRun:
    """A run of which trials end when the test says so."""

    reference, scales = [0.0], [0.25]
    info = SimpleNamespace(objectives={"t": "maximize"}, allow_code=False, trust_code=False)

    def __init__(self, trials: list[Trial]) -> None:
        self.all, self.asked = trials, 0

    def trials(self) -> list[Trial]:
        self.asked += 1
        return self.all

    def finished(self) -> int:
        return len(self.all)


class Clock:
    def __init__(self) -> None:
        self.ticks = 100.0
        self.step = 0.0

    def monotonic(self) -> float:
        self.ticks += self.step
        return self.ticks


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for part in (module, budgets):
        monkeypatch.setattr(part, "time", found)
    monkeypatch.setattr(module, "datetime", SimpleNamespace(now=lambda: NOON))
    return found


def shown(run: Any, budget: Budget) -> tuple[SearchProgress, io.StringIO]:
    text = io.StringIO()
    return SearchProgress(run, budget, Console(file=text, width=40)), text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("trials", "stands"), [(2, False), (3, True)])
def test_a_bar_stands_only_where_trials_are_left(clock: Clock, trials: int, stands: bool) -> None:
    run: Any = FakeRun([trial(0), trial(1)])
    text = Terminal()
    terminal = Console(file=text, width=80, force_terminal=True, _environ={"TERM": "xterm"})
    with SearchProgress(run, Budget(trials, None, 100.0), terminal):
        pass
    assert ("scoring the parents" in text.getvalue()) is stands


def test_in_a_log_file_every_trial_is_a_line(clock: Clock) -> None:
    run: Any = FakeRun([trial(0)])
    progress, text = shown(run, Budget(11, None, 100.0))
    with progress:
        for each in (trial(1, value=0.75), trial(2, "failed"), trial(3, "pruned")):
            clock.ticks += 900
            run.all.append(each)
            progress.trial(each)
    lines = text.getvalue().splitlines()
    assert lines[0] == (
        "22:00:00 2/11 trials · 1 t 0.750 · 4/h · 2 h 15 min left, ends Thu 00:15 · "
        "hypervolume 3.000 · best t 0.750"
    )
    assert lines[1].startswith(
        "22:00:00 3/11 trials · 2 failed: it [bold]broke[/bold] · 4/h · 2 h 0 "
    )
    assert lines[2].startswith("22:00:00 4/11 trials · 3 stopped early · 4/h · 1 h 45 min left")
    assert len(lines) == 3


def test_the_rate_is_that_of_the_last_trials(clock: Clock) -> None:
    run: Any = FakeRun([])
    progress, _ = shown(run, Budget(200, None, 100.0))
    for number in range(60):
        clock.ticks += 10 if number < 40 else 100
        run.all.append(trial(number))
        progress.trial(run.all[-1])
    assert "· 36/h · 3 h 53 min left, ends Thu 01:53 ·" in progress.line(60)


def test_what_comes_first_is_the_end(clock: Clock) -> None:
    run: Any = FakeRun([])
    progress, _ = shown(run, Budget(1000, 9.0, 100.0, 100.0 + 2 * 3600))
    clock.ticks += 3600
    run.all.append(trial(0))
    progress.trial(run.all[0])
    assert "1/h · 1 h 0 min left, ends 23:00" in progress.line(1)


def test_what_takes_long_to_measure_is_not_measured_for_every_trial(clock: Clock) -> None:
    run: Any = FakeRun([])
    progress, text = shown(run, Budget(50, None, 100.0))
    measure, calls = progress._measure, list[int]()

    def slow() -> list[str]:
        calls.append(1)
        clock.ticks += 2  # seconds
        return measure()

    progress._measure = slow  # type: ignore[method-assign]
    for number in range(50):
        clock.ticks += 1
        run.all.append(trial(number, value=number / 100))
        progress.trial(run.all[-1])
    assert len(calls) == 3  # 40 seconds lie between two; and at the end
    assert text.getvalue().splitlines()[-1].endswith("best t 0.490")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3600, "23:00"), (7200, "Thu 00:00"), (7 * 86400, "2026-07-08"), (1e15, "never")],
)
def test_clock_in(seconds: float, text: str) -> None:
    assert clock_in(seconds, NOON) == text


def test_status_says_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from optimerge.records import activity

    now = datetime.now()
    live = Activity(True, 3600.0, 10, ends=now.astimezone(), last_end=now)
    monkeypatch.setattr(activity, "activity", lambda run: live)
    run: Any = FakeRun([trial(0)])
    run.name, run.folder, run.search = "mine", "runs/mine", SimpleNamespace(user_attrs={})
    lines = status.describe(run)
    assert lines[0] == "run mine: searching now"
    assert any(line.startswith("last trial: ended ") for line in lines)
    assert any(line.startswith("end: 10 trials in about 9 h 0 min, at ") for line in lines)
    assert any(line.endswith("when its time is up") for line in lines)


def test_when_time_will_be_up_is_kept_for_other_machines_to_read() -> None:
    assert Budget(5, None).ends is None
    found = Budget(None, 2.0).ends
    assert found
    left = (datetime.fromisoformat(found) - datetime.now().astimezone()).total_seconds()
    assert left == pytest.approx(7200, abs=30)
