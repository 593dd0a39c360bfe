"""`optimerge stop`: through the storage, once or at once, and an old request stops nobody."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fake_search import TELLTALE, Fake, Journal, Watcher, open_fake, told

from optimerge.cli.stopping import stopping
from optimerge.records.stop_request import ask_to_stop, last_token
from optimerge.search import listening as module
from optimerge.search.budget import Stop, make_budget
from optimerge.search.listening import listening
from optimerge.search.study import search

TRIALS = 12


class Asking(Fake):
    """Somebody asks the run to stop, from elsewhere, while the seventh trial is scored."""

    def __init__(self, journal: Journal, *, now: bool) -> None:
        super().__init__()
        self._journal, self._now, self._left = journal, now, 7

    def score(self, candidate: Any, race: Any = None) -> Any:
        self._left -= 1
        if not self._left:
            ask_to_stop(open_fake(self._journal, Fake()).run, now=self._now)
            if self._now:
                for _ in range(500):  # until the interrupt comes
                    time.sleep(0.02)
            threading.Event().wait(0.3)
        return super().score(candidate, race)


def searched(journal: Journal, fake: Fake, said: list[str] | None = None) -> Stop:
    session = open_fake(journal, fake)
    with stopping() as stop, listening(session.run, stop, last_token(session.run), (said or []).append):  # fmt: skip
        search(session, make_budget(TRIALS, None), TELLTALE[False], stop, Watcher(stop, None))
    return stop


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)


def test_the_trial_is_finished_and_a_later_search_goes_on() -> None:
    journal, said = Journal(), ["nothing"]
    stop = searched(journal, Asking(journal, now=False), said)
    assert (stop.requested, stop.code) == (True, 130)
    assert said[1:] == ["asked by `optimerge stop`: stopping after this trial"]
    run = open_fake(journal, Fake()).run
    assert run.finished() == 7
    assert not searched(journal, Fake()).requested  # the request is an old one now
    whole = Journal()
    searched(whole, Fake())
    assert told(open_fake(journal, Fake()).run) == told(open_fake(whole, Fake()).run)


def test_at_once_the_trial_is_put_back() -> None:
    import click

    journal = Journal()
    with pytest.raises(click.exceptions.Exit) as ended:
        searched(journal, Asking(journal, now=True))
    assert ended.value.exit_code == 130
    run = open_fake(journal, Fake()).run
    assert run.finished() == 6
    assert not [t for t in run.search.trials if t.state.name == "RUNNING"]
    searched(journal, Fake())
    whole = Journal()
    searched(whole, Fake())
    assert told(run) == told(open_fake(whole, Fake()).run)


def test_a_storage_that_is_away_for_a_while_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal()
    run = open_fake(journal, Fake()).run
    real, calls = module.last_request, list[int]()

    def away(asked: Any) -> Any:
        calls.append(1)
        if len(calls) < 4:
            raise ConnectionError("gone")
        return real(asked)

    monkeypatch.setattr(module, "last_request", away)
    stop = Stop()
    with listening(run, stop, ""):
        ask_to_stop(run, now=False)
        for _ in range(500):
            if stop.requested:
                break
            time.sleep(0.01)
    assert stop.requested
    assert caplog.text.count("cannot look for requests to stop: gone") == 3


def test_nobody_listens_any_more_after_the_search() -> None:
    journal = Journal()
    run = open_fake(journal, Fake()).run
    stop = Stop()
    with listening(run, stop, ""):
        pass
    ask_to_stop(run, now=True)
    time.sleep(0.1)
    assert not stop.requested


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from optimerge.cli.main import run as command
    from optimerge.records.run import RunInfo, create_run, open_run

    info = RunInfo("", "space.yaml", "d", {"t": "maximize"}, 2, 0, False)
    create_run(tmp_path / "mine", info)
    tokens = {""}
    for options, word in (([], "after its trial"), (["--now"], "now, and its trial is put back")):
        assert command(["stop", str(tmp_path / "mine"), *options]) == 0
        printed = capsys.readouterr()
        assert word in printed.out
        assert "note: no search is at work in it" in printed.err
        tokens.add(last_token(open_run(tmp_path / "mine")))
    assert len(tokens) == 3
    assert command(["stop", str(tmp_path / "other")]) == 2
