"""One worker process of `optimerge search --workers N`."""

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from click.core import ParameterSource

from optimerge.records.artifact_url import ARTIFACTS_VARIABLE
from optimerge.records.storage import STORAGE_VARIABLE

SUPERVISED = "OPTIMERGE_SUPERVISED"
"""Environment variable of a worker whose standard input ends with its supervisor."""


@dataclass
class Worker:
    """A process that is started, and started again, with the same command."""

    index: int
    command: Sequence[str]
    environment: dict[str, str]
    said: Path
    """File with what it says."""
    shared: int | None = None
    """Open file for what all workers keep in main memory once."""
    started: int = 0
    asked: int = 0
    """How often its process was asked to stop: the second time it stops at once."""
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        """Start it, the first time or again."""
        self.close()
        self.asked = 0
        with self.said.open("wb" if not self.started else "ab") as file:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=file,
                env=self.environment,
                pass_fds=() if self.shared is None else (self.shared,),
                process_group=0,  # Ctrl-C comes to them once, from here
            )
        self.started += 1

    def close(self) -> None:
        """Close its standard input: it ends by that."""
        if self.process and self.process.stdin:
            self.process.stdin.close()

    @property
    def code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self.process.poll() if self.process else None

    def ask_to_stop(self) -> None:
        """Ask it to stop after its trial; the second time at once."""
        self.asked += 1
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def last_words(self) -> str:
        """Return the last line that it said."""
        lines = self.said.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def ending(code: int | None) -> str:
    """Return how a process ended, in words."""
    if code is None or code >= 0:
        return f"with exit code {code}"
    name = signal.Signals(-code).name
    return f"by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def worker_environment(
    device: str, count: int, storage: str, artifacts: str = ""
) -> dict[str, str]:
    """Return the environment of one of `count` workers: its share of the CPU, and secrets."""
    given = {STORAGE_VARIABLE: storage, ARTIFACTS_VARIABLE: artifacts}
    found = os.environ | {SUPERVISED: "1"} | {name: url for name, url in given.items() if url}
    if device == "cpu":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        found.setdefault("OMP_NUM_THREADS", str(max(1, (cores or 1) // count)))
    return found


def arguments(context: click.Context, without: Sequence[str]) -> list[str]:
    """Return what a command was given on the command line, but for some of it, by name."""
    found: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if name in without or not given:
            continue
        if isinstance(parameter, click.Option) and parameter.is_flag:
            found.append(parameter.opts[0])
        elif isinstance(parameter, click.Option):
            found += [parameter.opts[0], str(context.params[name])]
        else:
            found.append(str(context.params[name]))
    return found


def end_with_supervisor() -> None:
    """In a worker: stop after the running trial once the supervisor is gone."""
    if os.environ.get(SUPERVISED) != "1":
        return

    def listen() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, name="supervisor", daemon=True).start()
