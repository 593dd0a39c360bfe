"""The process that looks after workers: what it hands over, whom it starts again, what it tells."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from test_workers import started, wait_for, workers_of

from optimerge.cli import workers
from optimerge.cli.main import run as run_command
from optimerge.cli.search import command
from optimerge.cli.stopping import stopping
from optimerge.cli.workers import run_workers
from optimerge.records.run import find_run, open_run
from optimerge.records.stop_request import ask_to_stop
from optimerge.search.again import KEY, Again, environment
from optimerge.search.budget import Budget, Stop
from optimerge.search.lease import running_trials

Ways = dict[int, str]

FAKE = """
import json, os, signal, sys, time
from pathlib import Path
told, ways = Path(sys.argv[1]), sys.argv[2:]
words, me = ways[ways.index("search"):], ways[ways.index("--worker-index") + 1]
with open(told / me, "a") as file:
    print(json.dumps([words, dict(os.environ)]), file=file)
start = len((told / me).read_text().splitlines())
exec((told / f"way{me}").read_text())
"""
"""In place of a worker: it notes how it was started, and does what is written for it."""


@pytest.fixture
def run_fakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Ways, Stop, Again], dict[int, list[Any]]]:
    """Run fake workers to their ends; return the words and environments that each was given."""
    plain = workers._Worker
    monkeypatch.setattr(workers, "LOOK", 0.02)

    def fake(index: int, words: Any, given: dict[str, str], said: Path) -> Any:
        return plain(index, [sys.executable, "-S", "-c", FAKE, tmp_path, *words], given, said)

    def run_them(ways: Ways, stop: Stop, since: Again) -> dict[int, list[Any]]:
        monkeypatch.setattr(workers, "_Worker", fake)
        for index, way in ways.items():
            (tmp_path / f"way{index}").write_text(way)
        words = ["space.yaml", "--until", "07:00", "--on-finish", "x", "--hours", "9"]
        devices = ["cpu"] * len(ways)
        with command.make_context("search", words) as context:
            run_workers(context, tmp_path / "run", devices, Budget(1, None), "", stop, since)
        return {
            index: [json.loads(line) for line in (tmp_path / str(index)).read_text().splitlines()]
            for index in ways
        }

    return run_them


def since(tmp_path: Path) -> Again:
    return Again(str((tmp_path / "run").resolve()), 5.0, 99.0, "token", hung=False)


DIES_ONCE = "os.kill(os.getpid(), signal.SIGKILL) if start == 1 else sys.exit(0)"


def test_a_worker_that_is_started_again_is_handed_over_the_same(
    tmp_path: Path, run_fakes: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run_fakes({0: DIES_ONCE, 1: "sys.exit(0)"}, Stop(), since(tmp_path))
    assert [len(starts) for starts in found.values()] == [2, 1]
    for words, given in [*found[0], *found[1]]:
        assert Again(**json.loads(given[KEY])) == since(tmp_path)
        assert words[:6] == ["search", "space.yaml", "--hours", "9.0", "--until", "07:00"]
        assert "--on-finish" not in words
    assert found[0][0] == found[0][1]
    assert capsys.readouterr().err.count("is started again") == 1


@pytest.mark.parametrize("code", [0, 130, 143])
def test_a_worker_that_was_asked_to_stop_or_is_done_is_not_started_again(
    tmp_path: Path, run_fakes: Any, code: int
) -> None:
    stop = Stop()
    found = run_fakes({0: f"sys.exit({code})", 1: f"sys.exit({code})"}, stop, since(tmp_path))
    assert [len(starts) for starts in found.values()] == [1, 1]
    assert (stop.requested, stop.why) == ((False, "") if code == 0 else (True, stop.why))
    assert ("optimerge stop" in stop.why) is (code != 0)


def test_a_worker_that_dies_after_the_others_were_asked_to_stop_is_left(
    tmp_path: Path, run_fakes: Any
) -> None:
    stop = Stop()
    die = "signal.signal(15, lambda *_: os.kill(os.getpid(), 9)); time.sleep(600)"
    threading.Timer(1.0, lambda: setattr(stop, "requested", True)).start()
    found = run_fakes({0: die, 1: die}, stop, since(tmp_path))
    assert [len(starts) for starts in found.values()] == [1, 1]


def test_workers_that_were_only_starting_when_it_was_stopped_are_no_error(
    tmp_path: Path, run_fakes: Any
) -> None:
    """They have no handler yet: the signal ends them."""
    stop = Stop()
    threading.Timer(1.0, lambda: setattr(stop, "requested", True)).start()
    run_fakes({0: "time.sleep(600)", 1: "time.sleep(600)"}, stop, since(tmp_path))


COUNTS = """
asked = []
signal.signal(15, lambda *_: asked.append(1))
(told / f"ready{me}").touch()
while len(asked) < 2:
    time.sleep(0.005)
time.sleep(0.5)
(told / f"asked{me}").write_text(str(len(asked)))
sys.exit(143)
"""


def test_a_second_ctrl_c_asks_every_worker_twice_and_not_more(
    tmp_path: Path, run_fakes: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    import click

    def interrupt() -> None:
        wait_for(lambda: all((tmp_path / f"ready{n}").exists() for n in (0, 1)))
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    thread = threading.Thread(target=interrupt)
    with pytest.raises(click.exceptions.Exit) as ended, stopping() as stop:
        thread.start()
        run_fakes({0: COUNTS, 1: COUNTS}, stop, since(tmp_path))
    thread.join()
    assert ended.value.exit_code == 130
    assert [(tmp_path / f"asked{n}").read_text() for n in (0, 1)] == ["2", "2"]


@pytest.fixture
def hand_over(monkeypatch: pytest.MonkeyPatch) -> Callable[[Again], None]:
    def do(again: Again) -> None:
        for name, value in environment(again).items():
            monkeypatch.setenv(name, value)

    return do


@pytest.mark.parametrize(
    ("hours", "started_ago", "ends_in"),
    [("1", 3601.0, None), ("9", 10.0, -1.0)],
    ids=["--hours", "--until"],
)
def test_a_worker_started_again_gets_no_new_time(
    made_family: Path, tmp_path: Path, hand_over: Any, hours: str, started_ago: float, ends_in: Any
) -> None:  # fmt: skip
    now = time.monotonic()
    end = None if ends_in is None else now + ends_in
    again = Again(str(tmp_path.resolve()), now - started_ago, end, "", hung=False)
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path)]
    words += ["--trials", "4", "--hours", hours, *(["--until", "07:00"] if ends_in else [])]
    hand_over(again)
    assert run_command([*words, "--worker-index", "0"]) == 0
    assert open_run(tmp_path).finished() == 0
    assert KEY not in os.environ
    assert run_command([*words, "--worker-index", "0"]) == 0
    assert open_run(tmp_path).finished() == 4  # it was the time, and nothing else


def test_a_worker_started_again_obeys_a_stop_that_came_meanwhile_and_no_older_one(
    made_family: Path, tmp_path: Path, hand_over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimerge.search import listening

    monkeypatch.setattr(listening, "EVERY", 0.01)
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path)]
    assert run_command([*words, "--trials", "3"]) == 0
    request = ask_to_stop(open_run(tmp_path), now=False)
    since = Again(str(tmp_path.resolve()), time.monotonic(), None, request.token, hung=False)
    more = ["--worker-index", "0"]
    hand_over(since)
    assert run_command([*words, "--trials", "5", *more]) == 0
    hand_over(replace(since, heard="an older one"))
    assert run_command([*words, "--trials", "4000", *more]) == 130
    assert 5 <= open_run(tmp_path).finished() < 4000


class Hook(BaseHTTPRequestHandler):
    got: list[Any]

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.mark.slow
def test_optimerge_stop_ends_all_workers_and_the_end_is_told_once(
    made_family: Path, tmp_path: Path
) -> None:
    """From another shell, while `status` reads along; none is started again."""
    Hook.got = []
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    folder, told = tmp_path / "run", tmp_path / "told"
    words = ["search", made_family / "space.yaml", "--run-dir", folder, "--trials", "9999"]
    process = started(
        *words, "--workers", "2", "--device", "cpu", "--on-finish", f"cat >> {told}; echo >> {told}",
        OPTIMERGE_WEBHOOK=f"http://127.0.0.1:{server.server_port}/s3cret",
    )  # fmt: skip
    try:
        wait_for(lambda: (run := find_run(folder)) and len(workers_of(run)) == 2)
        status = subprocess.run(
            [sys.executable, "-m", "optimerge", "status", str(folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "run run: searching now" in status.stdout
        done = subprocess.run(
            [sys.executable, "-m", "optimerge", "stop", str(folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "the search stops after its trial" in done.stdout
        assert "no search is at work" not in done.stdout
        said = process.communicate(timeout=300)[0]
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        thread.join()
        server.server_close()
    assert process.returncode == 130, said
    assert "started again" not in said
    run = open_run(folder)
    assert not running_trials(run.search)
    assert 3 < run.finished() < 9999
    assert len(workers_of(run)) == 2
    [line] = [line for line in told.read_text().splitlines() if line]
    assert [json.loads(line)] == Hook.got
    assert Hook.got[0]["state"] == "stopped"
    assert Hook.got[0]["reason"] == "asked by `optimerge stop`"
    assert sum(Hook.got[0]["trials"].values()) == len(run.trials())
    assert "s3cret" not in said
