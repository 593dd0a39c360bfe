"""`optimerge dashboard`: one sentence where it cannot start, an address where it can."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from optimerge.cli.main import run
from optimerge.records.run import RunInfo, create_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    info = RunInfo("", "/x/space.yaml", "d", {"maths": "maximize"}, 4, 0, False)
    create_run(tmp_path / "mine", info)
    return tmp_path / "mine"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err
    assert re.fullmatch(r"Error: [^\n]+\n", error)
    return error


def test_a_folder_without_a_run_is_named(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dashboard", str(folder), str(tmp_path / "none"), "--port", "0"]) == 2
    assert f"{tmp_path / 'none'}: holds no run" in said(capsys)
    assert not (tmp_path / "none").exists()


def test_a_port_that_is_taken_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["dashboard", str(folder), "--port", str(port)]) == 2
    assert f"--port {port}: is taken" in said(capsys)


def test_an_address_that_is_not_ours_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dashboard", str(folder), "--host", "192.0.2.1", "--port", "0"]) == 2
    assert "--host 192.0.2.1: is no address of this machine" in said(capsys)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_it_serves_until_a_signal(name: str, code: int, folder: Path) -> None:
    words = ["dashboard", str(folder), "--port", "0"]
    start = f"from optimerge.cli.main import run; import sys; sys.exit(run({words!r}))"
    process = subprocess.Popen(
        [sys.executable, "-c", start], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found, line
    with urllib.request.urlopen(f"{found[0]}api/runs") as answer:
        assert json.load(answer)["runs"][0]["name"] == "mine"
    process.send_signal(signal.Signals[name])
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (code, "")
