"""Hooks at the end of a search: what they are told, and that they cannot lose a run or a secret."""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_search import TELLTALE, Fake, Journal, fake_search, open_fake

from optimerge.cli.ending import told_of_the_end
from optimerge.errors import RunError
from optimerge.search import hooks as module
from optimerge.search.budget import Stop
from optimerge.search.hooks import Hooks, make_hooks, run_hooks
from optimerge.search.summary import summary
from optimerge.space.read import make_space
from optimerge.space.same import shareable, space_digest
from optimerge.space.settings import overridden

SECRET = "/services/T0/s3cretpath"


class Server(HTTPServer):
    """A loopback server that keeps what it is sent, and answers as it is told."""

    got: list[tuple[str, dict[str, str], Any]]
    answer = 200
    delay = 0.0


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.got.append((self.path, dict(self.headers), json.loads(body)))
        time.sleep(server.delay)
        self.send_response(server.answer)
        if 300 <= server.answer < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.got = []
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def url(server: Server, user: str = "") -> str:
    return f"http://{user}127.0.0.1:{server.server_port}{SECRET}?token=t0ken"


def test_the_summary_says_what_there_is() -> None:
    run = fake_search(Journal(), TELLTALE[False], 13)
    found = summary(run, "mine", "finished", "the budget is used", 5400)
    states = [t.state for t in run.trials()]
    assert found["trials"] == {s: states.count(s) for s in set(states)}
    assert sum(found["trials"].values()) == 13
    assert found["trials"]["failed"] > 0
    assert (found["run"], found["state"], found["hours"]) == ("mine", "finished", 1.5)
    complete = [t for t in run.trials() if t.state == "complete" and t.feasible]
    assert found["best"]["t"]["value"] == max(t.scores["t"].value for t in complete)
    assert found["hypervolume"] > 0
    assert "optimerge run mine finished (the budget is used): 13 trials, 1.5 hours" in found["text"]
    json.dumps(found, allow_nan=False)


def test_a_run_of_nothing_is_summed_up_too() -> None:
    for run in (None, open_fake(Journal(), Fake()).run):
        found = summary(run, "mine", "failed", "no memory", 0)
        assert (found["trials"], found["hypervolume"], found["best"]) == ({}, None, {})
        assert found["text"].startswith("optimerge run mine failed (no memory): 0 trials")
        json.dumps(found, allow_nan=False)


def test_a_command_reads_the_summary(tmp_path: Path) -> None:
    said: list[str] = []
    told = {"state": "finished", "text": "x" * 100_000}
    run_hooks(Hooks(f"cat > {tmp_path}/a; echo done | cat > {tmp_path}/b"), told, said.append)
    assert json.loads((tmp_path / "a").read_text()) == told
    assert (tmp_path / "b").read_text() == "done\n"
    assert not said


def test_a_command_that_fails_is_a_warning_without_its_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    with caplog.at_level(logging.DEBUG):
        run_hooks(Hooks("TOKEN=s3cret; echo oops >&2; exit 3"), {}, said.append)
    assert said == [
        "the command of on_finish failed: it ended with exit code 3: oops; the run is as it is"
    ]
    assert "s3cret" not in caplog.text + repr(Hooks("s3cret"))


def test_a_command_that_takes_too_long_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 0.5)
    said: list[str] = []
    run_hooks(Hooks(f"sleep 600 & echo $! > {tmp_path}/pid; wait"), {}, said.append)
    assert "longer than 0.5 seconds and was ended" in said[0]
    pid = int((tmp_path / "pid").read_text())
    for _ in range(500):
        try:
            os.kill(pid, 0)
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                break
        except (ProcessLookupError, FileNotFoundError):
            break
        time.sleep(0.02)
    else:
        pytest.fail("the command's child is still there")


def test_a_webhook_is_posted_to(server: Server) -> None:
    said: list[str] = []
    told = {"state": "stopped", "text": "stopped"}
    run_hooks(Hooks(webhook=url(server)), told, said.append)
    run_hooks(Hooks(webhook=url(server, "me:p%40ss@")), told, said.append)
    assert not said
    (path, headers, body), (_, with_user, _) = server.got
    assert (path, body) == (f"{SECRET}?token=t0ken", told)
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    assert with_user["Authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("answer", [302, 404, 500])
def test_only_the_host_of_a_webhook_is_named(
    server: Server, answer: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = answer
    said: list[str] = []
    with caplog.at_level(logging.DEBUG):
        run_hooks(Hooks(webhook=url(server, "me:passw0rd@")), {}, said.append)
    assert said == [f"the webhook at 127.0.0.1 failed: it answered {answer}; the run is as it is"]
    assert len(server.got) == 1  # nowhere else
    for secret in ("s3cret", "t0ken", "passw0rd"):
        assert secret not in caplog.text + repr(Hooks(webhook=url(server, "me:passw0rd@")))


def test_a_webhook_that_is_not_there_or_does_not_answer(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = taken.getsockname()[1]
    run_hooks(Hooks(webhook=f"http://127.0.0.1:{free}{SECRET}"), {}, said.append)
    assert "at 127.0.0.1 failed: it cannot be reached (Connection refused)" in said[0]
    monkeypatch.setattr(module, "LIMIT", 0.3)
    server.delay = 2.0
    run_hooks(Hooks(webhook=url(server)), {}, said.append)
    assert "failed: it took longer than 0.3 seconds" in said[1] or "TimeoutError" in said[1]
    assert "s3cret" not in "".join(said)


@pytest.mark.parametrize(
    "given",
    ["ftp://h/s3cret", "h/s3cret", "http:///s3cret", "http://h:s3cret/", "http://h/s3cret \n"],
)
def test_a_webhook_that_cannot_work_is_refused_at_once_and_not_repeated(given: str) -> None:
    with pytest.raises(RunError, match=r"webhook.*give one like https://HOST/PATH") as caught:
        make_hooks(None, given, None, "space.yaml", allow_code=False)
    assert "s3cret" not in str(caught.value)


def test_a_command_of_a_file_needs_consent() -> None:
    with pytest.raises(
        RunError, match=r"space\.yaml: search\.on_finish is a command.*--allow-code"
    ):
        make_hooks(None, None, "rm -r x", "space.yaml", allow_code=False)
    assert make_hooks(None, None, "cmd", "space.yaml", allow_code=True).command == "cmd"
    assert make_hooks("mine", None, "cmd", "space.yaml", allow_code=False).command == "mine"
    assert make_hooks("mine", None, "cmd", "space.yaml", allow_code=True).command == "mine"


SPACE = """
merge_method: linear
models: [{model: a, parameters: {weight: {low: 0, high: 1}}}, {model: b, parameters: {weight: 1}}]
objectives: [{task: t}]
search: {trials: 5, on_finish: "curl s3cret", webhook: "https://host/s3cret"}
"""


def test_hooks_are_not_kept_with_the_run_and_may_change() -> None:
    space = overridden(make_space(yaml.safe_load(SPACE), Path("space.yaml")))
    assert space.search.webhook == "https://host/s3cret"
    kept = shareable(space.data)
    assert "s3cret" not in yaml.safe_dump(kept)
    assert kept["search"] == {"trials": 5}
    assert space_digest(kept) == space_digest(space.data)


@pytest.mark.parametrize(
    ("ends", "state", "reason"),
    [
        ("well", "finished", "the budget is used"),
        ("stopped", "stopped", "SIGTERM"),
        ("interrupted", "stopped", "Ctrl-C"),
        ("failed", "failed", "disk on fire"),
    ],
)
def test_the_end_is_told_however_it_comes(
    server: Server, tmp_path: Path, ends: str, state: str, reason: str
) -> None:
    stop, hooks = Stop(), Hooks(f"cat > {tmp_path}/told", url(server))
    run = fake_search(Journal(), TELLTALE[False], 5)
    error: Any = None
    try:
        with told_of_the_end(hooks, stop, "mine", print) as ending:
            ending.run = run
            if ends == "stopped":
                stop.requested, stop.why = True, "SIGTERM"
            elif ends == "interrupted":
                stop.requested, stop.why = True, "Ctrl-C"
                raise KeyboardInterrupt
            elif ends == "failed":
                raise RunError("disk on fire\nand more")
    except (KeyboardInterrupt, RunError) as caught:
        error = caught
    assert (error is None) is (ends in ("well", "stopped"))
    told = json.loads((tmp_path / "told").read_text())
    assert (told["state"], told["reason"]) == (state, reason)
    assert sum(told["trials"].values()) == 5
    assert server.got[0][2] == told


def test_a_storage_that_is_gone_does_not_keep_the_end_from_being_told(tmp_path: Path) -> None:
    class Gone:
        def trials(self) -> Any:
            raise ConnectionError("gone")

        info = None

    hooks = Hooks(f"cat > {tmp_path}/told")
    with pytest.raises(ConnectionError), told_of_the_end(hooks, Stop(), "mine", print) as ending:
        ending.run = Gone()  # type: ignore[assignment]
        ending.run.trials()  # type: ignore[attr-defined]
    assert json.loads((tmp_path / "told").read_text())["state"] == "failed"


def test_without_hooks_nothing_is_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from optimerge.cli import ending

    monkeypatch.setattr(ending, "summary", lambda *_: pytest.fail("nobody asked"))
    with told_of_the_end(Hooks(), Stop(), "mine", print):
        pass
