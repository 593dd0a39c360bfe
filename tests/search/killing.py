"""Starts searches in processes of their own that can be killed, and hears what they report."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SECONDS = 0.005
"""That a scoring takes at least."""


class Driver:
    """A process that searches in forks of itself: see `killable`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("killable.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.reported: list[str] = []
        self.code: int | None = None

    def start(
        self,
        journal: Path | str,
        trials: int,
        index: int = 0,
        seconds: float = SECONDS,
        piece: int = 0,
    ) -> int:
        """Start a search, and return the number of its process.

        `piece`: bytes that it writes to the journal at a time; 0: whole lines.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{journal} {trials} {seconds} {index} {piece}\n")
        self._process.stdin.flush()
        kind, _, pid = self._line().partition(" ")
        assert kind == "pid"
        return int(pid)

    def reports(self) -> Iterator[str]:
        """Yield what is reported finished, until the search ends."""
        while (line := self._line()).startswith("done "):
            self.reported.append(line.removeprefix("done "))
            yield self.reported[-1]
        self.code = int(line.removeprefix("ended "))

    def close(self) -> None:
        """End the process, once its search has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the driver ended"
        return line
