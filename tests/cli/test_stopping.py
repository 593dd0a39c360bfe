"""Signals: once, twice, and the exit codes that shells and batch systems know."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from optimerge.cli.stopping import stopping

HERE = Path(__file__).parent
SEARCH = """
import sys, time
sys.path.insert(0, sys.argv[1])
from fake_search import TELLTALE, Fake, open_fake, Journal, Watcher
from optuna.storages.journal import JournalFileBackend
from optimerge.cli import main, search
from optimerge.cli.stopping import stopping
from optimerge.search import study
from optimerge.search.budget import make_budget
import click

class Slow(Fake):
    def score(self, *given):
        print("scoring", flush=True)
        time.sleep(0.25)
        return super().score(*given)

@click.command("fake")
def fake():
    session = open_fake(JournalFileBackend(sys.argv[2]), Slow())
    with stopping() as stop:
        study.search(session, make_budget(1000, None), TELLTALE[False], stop, Watcher(stop, None))
    raise click.exceptions.Exit(stop.code if stop.requested else 0)

main.cli.add_command(fake)
sys.exit(main.run(["fake"]))
"""


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
@pytest.mark.parametrize("times", [1, 2])
def test_once_finishes_the_trial_and_twice_puts_it_back(
    name: str, times: int, tmp_path: Path
) -> None:
    number = signal.Signals[name]
    journal = tmp_path / "journal"
    process = subprocess.Popen(
        [sys.executable, "-c", SEARCH, str(HERE.parent / "search"), str(journal)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    for _ in range(6):
        process.stdout.readline()
    process.send_signal(number)
    said = process.stderr.readline()
    while "stopping after" not in said:
        said = process.stderr.readline()
    if times == 2:
        process.send_signal(number)
    _, rest = process.communicate(timeout=300)
    assert process.returncode == 128 + number
    assert ("SIGTERM again" if name == "SIGTERM" else "Ctrl-C again") in said
    assert ("put back, and the same command goes on" in rest) is (times == 2)
    ended = ended_trials(journal)
    assert ended["RUNNING"] == 0
    assert ended["FAIL"] + ended["COMPLETE"] + ended["PRUNED"] == 6
    assert ended["withdrawn"] == times - 1


def ended_trials(journal: Path) -> dict[str, int]:
    sys.path.insert(0, str(HERE.parent / "search"))
    from fake_search import Fake, open_fake
    from optuna.storages.journal import JournalFileBackend

    from optimerge.records.origins import WITHDRAWN

    backend: Any = JournalFileBackend(str(journal))
    run = open_fake(backend, Fake()).run
    trials = [*run.parents.trials, *(t for t in run.search.trials if not is_copy(t))]
    states = [t.state.name for t in trials]
    withdrawn = sum(t.user_attrs.get("origin") == WITHDRAWN for t in trials)
    return {n: states.count(n) for n in ("RUNNING", "FAIL", "COMPLETE", "PRUNED")} | {
        "withdrawn": withdrawn
    }


def is_copy(trial: Any) -> bool:
    """Whether it is a parent's, as a point of the space."""
    origin = trial.user_attrs.get("origin", "")
    return origin == "base" or origin.startswith("expert:")


def test_the_handlers_are_as_they_were_afterwards() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with stopping() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(click.exceptions.Exit) as ended, stopping():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.exit_code == 143


def test_an_interrupt_that_no_signal_asked_for_is_passed_on() -> None:
    with pytest.raises(KeyboardInterrupt), stopping():
        raise KeyboardInterrupt
