"""A screen or a log that cannot be written is no reason to end a search."""

import errno
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optimerge.cli.main import run
from optimerge.cli.quiet import quiet
from optimerge.records.run import find_run, open_run

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


class FullScreen(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_search_whose_screen_is_on_a_full_disk_goes_on(
    made_family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", FullScreen())
        code = run([*words, "--trials", "5"])
    assert code == 0
    assert open_run(tmp_path).finished() == 5
    log = (tmp_path / "log.txt").read_text()
    assert "the screen cannot be written (No space left on device)" in log
    assert "5/5 trials" in log


SAYS = (
    "import sys; from optimerge.cli.screen import err; sys.stdin.read();"
    "[err().print('line', n) for n in range(3)]; print('done')"
)


@pytest.mark.parametrize("where", ["a pipe", pytest.param("a disk", marks=needs_full)])
def test_a_screen_that_is_gone_or_full_is_no_error(where: str) -> None:
    read, write = os.pipe() if where == "a pipe" else (os.dup(0), os.open(FULL, os.O_WRONLY))
    process = subprocess.Popen(
        [sys.executable, "-c", SAYS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=write
    )
    os.close(write)
    os.close(read)
    assert process.communicate(b"go")[0] == b"done\n"


@needs_full
def test_a_log_on_a_full_disk_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet(FULL):
        for _ in range(3):
            logging.getLogger("x").warning("a line")
    assert capsys.readouterr().err == ""


def test_what_is_wrong_with_a_message_is_still_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with quiet(tmp_path / "log.txt"):
        logging.getLogger("x").warning("%d", "no number")
    assert "Logging error" in capsys.readouterr().err


IMPATIENT = (
    "import sys; from optimerge.records import full_disk; full_disk.EVERY = 0.5;"
    "from optimerge.cli.main import run; sys.exit(run(sys.argv[1:]))"
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 kB: a real one, as far as the system can tell."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=96k", "optimerge-tests", str(place)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def search(family: Path, folder: Path, stderr: Any) -> subprocess.Popen[str]:
    words = ["search", str(family / "space.yaml"), "--run-dir", str(folder), "--trials", "30"]
    return subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *words], stdout=subprocess.PIPE, stderr=stderr, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
def test_on_a_real_disk_that_is_full_it_waits_stops_with_130_and_goes_on(
    made_family: Path, tmp_path: Path, disk: Path
) -> None:
    """Ctrl-C while it waits; started again while it is full, with its screen on the same disk."""
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path / "whole")]
    assert run([*words, "--trials", "30"]) == 0
    folder = disk / "run"
    process = search(made_family, folder, subprocess.PIPE)
    assert process.stderr is not None
    while "the disk is full; make room there" not in (line := process.stderr.readline()):
        assert line, "it ended"
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=300)[1]
    assert process.returncode == 130, rest
    assert "stopping after this trial" in rest
    assert "the same command goes on" in rest
    before = open_run(folder).trials()
    assert 3 <= open_run(folder).finished() < 30
    with (disk / "screen.txt").open("w") as screen:
        process = search(made_family, folder, screen)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert process.poll() is None, "it did not wait"
            time.sleep(0.5)
        room = ["mount", "-o", "remount,size=20m", str(disk)]
        subprocess.run(room, check=True)
        process.communicate(timeout=300)
    assert process.returncode == 0
    mine, wanted = (open_run(f).trials() for f in (folder, tmp_path / "whole"))
    assert [json.dumps(dict(t.params)) for t in mine] == [
        json.dumps(dict(t.params)) for t in wanted
    ]
    assert [t.state for t in mine] == ["complete"] * 30
    done = [t for t in before if t.state == "complete"]
    assert mine[: len(done)] == done
    assert find_run(folder) is not None
