"""The dashboard, searches and other commands as processes of their own, as a user starts them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOSS = "  - {task: echo, name: loss, metric: log_loss, search_items: 30, test_items: 10}"
SIZE = "  - {sparsity: nonzero, at_least: 0.5}"
"""The base, which would dominate all, is not feasible: so there are merges on the front."""
PATIENCE = 120


def space_of(family: Path, name: str = "dashboard.yaml") -> Path:
    """Write a search space of three objectives beside a family of tiny models."""
    text = (family / "space.yaml").read_text()
    (family / name).write_text(text.replace("  - sparsity: nonzero", f"{LOSS}\n{SIZE}"))
    return family / name


def environment() -> dict[str, str]:
    """Return an environment in which `optimerge` is the command of this installation."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PATH": path}


def start(*words: object, **more: Any) -> subprocess.Popen[str]:
    """Start `optimerge` with these words."""
    return subprocess.Popen(
        [sys.executable, "-m", "optimerge", *map(str, words)], env=environment(), text=True, **more
    )


def said(*words: object) -> str:
    """Run `optimerge` with these words to its end and return what it prints."""
    done = start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = done.communicate(timeout=600)
    assert done.returncode == 0, errors
    return out


def as_json(*words: object) -> Any:
    """Run `optimerge` and return the JSON that it prints."""
    return json.loads(said(*words, "--format", "json"))


def pasted(line: str, folder: Path) -> None:
    """Run a line in a shell, as if it was pasted there."""
    shell = ["bash", "-c", line]
    done = subprocess.run(shell, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, (line, done.stderr)


class Served:
    """A dashboard that is served at `url` until it is stopped."""

    def __init__(self, folders: Sequence[Path], port: int = 0) -> None:
        """Start it and wait until it says its address."""
        words = ["dashboard", *folders, "--port", port]
        self._process = start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, (line, self._process.communicate(timeout=PATIENCE)[1])
        self.url, self.port = found[0], int(found[1])

    def hang(self) -> None:
        """Let it take requests and answer none."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once, without a word to those who look."""
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)

    def stop(self) -> None:
        """End it as Ctrl-C does; it must have had nothing to complain of."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        _, errors = self._process.communicate(timeout=PATIENCE)
        assert (self._process.returncode, errors) == (130, "")


@contextmanager
def served(*folders: Path, port: int = 0) -> Iterator[Served]:
    """Serve runs while the block runs."""
    made = Served(folders, port)
    try:
        yield made
    except BaseException:
        made.kill()
        raise
    made.stop()


@contextmanager
def searching(space: Path, folder: Path, trials: int) -> Iterator[subprocess.Popen[str]]:
    """Search in a process of its own while the block runs."""
    log = folder.parent / "search.txt"
    with log.open("w") as file:
        words = ["search", space, "--run-dir", folder, "--trials", trials]
        process = start(*words, stdout=file, stderr=file)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait(PATIENCE)


def wait_for(what: Any, seconds: float = PATIENCE) -> Any:
    """Wait until a function returns something true, and return that."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
    return found
