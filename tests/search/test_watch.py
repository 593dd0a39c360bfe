"""A trial that takes too long fails, whatever it hangs in, and the search goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_search import TELLTALE, Fake, Journal, Watcher, open_fake, told

from optimerge.errors import TrialError
from optimerge.records.run import open_run
from optimerge.search import watch as module
from optimerge.search.again import KEY, Again, handed_over, start_again
from optimerge.search.budget import Stop, make_budget
from optimerge.search.study import search
from optimerge.search.watch import Watch

HERE = Path(__file__).parent


def never(_: str) -> None:
    raise AssertionError("it could be stopped")


def spin() -> None:
    while True:
        pass


def stubborn() -> int:
    """Swallow everything, twice."""
    for _ in range(2):
        try:
            time.sleep(600)
        except BaseException:
            continue
    time.sleep(600)
    return 1


@pytest.mark.parametrize("hang", [spin, lambda: time.sleep(600), stubborn])
def test_what_comes_back_to_python_is_stopped(hang: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEAT", 0.1)
    before = signal.getsignal(signal.SIGVTALRM)
    watch = Watch(0.05, lambda: pytest.fail("nothing is replaced"))
    with pytest.raises(TrialError, match=r"longer than the 0\.000833333 minutes of trial_timeout"):
        watch.guard(hang, never)
    assert signal.getsignal(signal.SIGVTALRM) is before
    assert watch.guard(lambda: 5, never) == 5


@pytest.mark.parametrize("seconds", [None, 1000.0])
def test_what_is_in_time_is_left_alone(seconds: float | None) -> None:
    watch = Watch(seconds)
    assert watch.guard(lambda: "done", never) == "done"
    with pytest.raises(KeyError):
        watch.guard(lambda: {}[1], never)
    with pytest.raises(KeyboardInterrupt):
        watch.guard(lambda: os.kill(os.getpid(), signal.SIGINT) or time.sleep(9), never)


def test_a_signal_that_comes_late_does_nothing() -> None:
    watch = Watch(1000.0)

    def work() -> None:
        turn = watch._turn
        assert turn
        turn.armed = False  # as on the way out
        os.kill(os.getpid(), signal.SIGVTALRM)

    watch.guard(work, never)


def hanging() -> Any:
    class Hanging(Fake):
        """What cannot be scored hangs instead."""

        def score(self, candidate: Any, race: Any = None) -> Any:
            try:
                return super().score(candidate, race)
            except ValueError:
                time.sleep(600)
                raise

    return Hanging()


def test_the_search_goes_on_without_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def searched(fake: Fake, watch: Watch) -> list[Any]:
        session = replace(open_fake(Journal(), fake), watch=watch)
        stop = Stop()
        search(session, make_budget(9, None), TELLTALE[False], stop, Watcher(stop, None))
        return told(session.run)

    plain, late = searched(Fake(), Watch()), searched(hanging(), Watch(0.3))
    failed = [t for t in late if t[1] == "failed"]
    assert failed
    assert {t[4] for t in failed} == {"it took longer than the 0.005 minutes of trial_timeout"}
    assert [(*t[:4], *t[5:]) for t in late] == [(*t[:4], *t[5:]) for t in plain]


SEARCH = """
import contextlib, ctypes, os, sys
from pathlib import Path
sys.path.insert(0, os.environ["TESTS"])
import fake_search
from optimerge.cli import main, searching
from optimerge.records.run import JOURNAL, create_run, open_run
from optimerge.search import watch
from optimerge.search.samplers.registry import sampler_named
from dataclasses import replace

watch.GRACE, watch.REPEAT = 1.0, 0.3
library = {"free": ctypes.CDLL, "held": ctypes.PyDLL}.get(os.environ["HANG"])

class Native(fake_search.Fake):
    def score(self, *given):
        try:
            return super().score(*given)
        except ValueError:
            if library is None:
                raise
            print("hangs", os.getpid(), flush=True)
            mutex = ctypes.create_string_buffer(64)
            for _ in range(2):  # no signal ends the second wait
                library(None).pthread_mutex_lock(mutex)

def session(space, folder, **_):
    made = fake_search.open_fake(fake_search.Journal(), Native())
    there = (folder / JOURNAL).exists()
    run = open_run(folder) if there else create_run(folder, made.run.info)
    return replace(made, run=run, races=fake_search.Races(run))

searching.open_session = session
searching.quiet = lambda *_, **__: contextlib.nullcontext()
main.main()
"""


def command(folder: Path, hang: str, trials: int) -> subprocess.CompletedProcess[str]:
    space = folder.parent / "space.yaml"
    from fake_search import SPACE

    space.write_text(SPACE)
    options = ["--run-dir", str(folder), "--trials", str(trials), "--trial-timeout", "0.05"]
    options += ["--on-finish", f"cat >> {folder.parent}/told"]
    return subprocess.run(
        [sys.executable, "-c", SEARCH, "search", str(space), *options, "--sampler", "random"],
        capture_output=True, text=True, timeout=500,
        env=os.environ | {"TESTS": str(HERE), "HANG": hang, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("hung") / "run"
    return folder, command(folder, "free", TRIALS)


TRIALS = 6
"""Of which one hangs: the average."""


@pytest.mark.slow
def test_what_does_not_come_back_is_recorded_and_the_same_process_goes_on(
    hung: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = hung
    assert done.returncode == 0, done.stderr
    trials = open_run(folder).trials()
    hung_trials = [t for t in trials if t.state == "failed"]
    assert len(hung_trials) == done.stdout.count("hangs") >= 1
    assert len({line for line in done.stdout.splitlines() if "hangs" in line}) == 1  # one process
    assert {t.state for t in trials} <= {"complete", "failed", "pruned"}
    assert len(trials) == TRIALS
    assert {t.error for t in hung_trials} == {
        "it took longer than the 0.05 minutes of trial_timeout, and could not be stopped"
    }
    assert "Pareto front of run run" in done.stdout  # by the replacement
    summary = json.loads((folder.parent / "told").read_text())  # once
    assert (summary["state"], sum(summary["trials"].values())) == ("finished", TRIALS)


@pytest.mark.slow
def test_the_other_trials_are_those_of_a_search_in_which_nothing_hangs(
    hung: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    plain = command(tmp_path / "run", "", TRIALS)
    assert plain.returncode == 0, plain.stderr
    mine, wanted = told(open_run(hung[0])), told(open_run(tmp_path / "run"))
    assert [(*t[:4], *t[5:]) for t in mine] == [(*t[:4], *t[5:]) for t in wanted]


@pytest.mark.slow
def test_what_holds_pythons_lock_is_ended_and_put_back(tmp_path: Path) -> None:
    done = command(tmp_path / "run", "held", TRIALS)
    assert done.returncode == 1
    assert "Timeout (0:00:05)!" in done.stderr
    run = open_run(tmp_path / "run")
    assert [t.state.name for t in run.search.trials].count("RUNNING") == 1
    assert command(tmp_path / "run", "", TRIALS).returncode == 0
    assert open_run(tmp_path / "run").finished() == TRIALS


def test_what_is_handed_over_is_taken_once_and_only_by_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimerge.search import again as module

    started: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *given: started.append(given))
    monkeypatch.setenv(KEY, "")
    mine = Again(str(tmp_path.resolve()), 5.0, None, "token")
    start_again(mine)
    assert not started  # pytest is not replaced
    monkeypatch.setattr(module, "restartable", True)
    start_again(mine)
    assert started[0][1][1:] == sys.orig_argv[1:]
    assert handed_over(tmp_path) == mine
    assert handed_over(tmp_path) is None
    start_again(mine)
    assert handed_over(tmp_path / "other") is None
    assert KEY not in os.environ
    monkeypatch.setenv(KEY, "{}")
    assert handed_over(tmp_path) is None
