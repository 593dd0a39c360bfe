"""Which worker holds a running trial, and whether it still lives.

Every running trial names its worker and keeps a counter, its beat, that the worker raises. Whoever
looks on takes a worker for lost when a beat has not moved for a while on the looker's own clock:
clocks of two machines are never compared, and a clock that jumps proves nothing. A worker on the
looker's own machine is known to be gone, at once, when its process is.
"""

import os
import socket
import time
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Literal, Self

WORKER, CLAIM, BEAT = "worker", "claim", "beat"
"""Keys of a running trial: its worker; who was about to take it when it waited; the counter."""
BEAT_EVERY = 10.0
"""Seconds between two beats, and between two looks at those of others."""
PATIENCE = 60.0
"""Seconds that a beat may stand still."""
LIVE: set[str] = set()
"""Tokens of the workers in this process that are at work."""

Life = Literal["alive", "gone", "unknown"]


@dataclass(frozen=True)
class Worker:
    """One process (or one search in it) that runs trials; its text form is kept with them."""

    host: str
    pid: int
    machine: str
    """Of the boot of a machine, and the process numbers that it is seen among (containers)."""
    started: str
    """When the process was: process numbers are used again."""
    token: str
    index: int = field(default=0, compare=False)
    """Of the worker on its run; proposals of 0 are those of a search without others."""

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.machine}:{self.started}:{self.token}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the worker of a text form; None if it is none."""
        match text.split(":"):
            case [host, pid, machine, started, token] if pid.isdecimal():
                return cls(host, int(pid), machine, started, token)
        return None


def new_worker(index: int = 0) -> Worker:
    """Return a worker in this process, unlike any other."""
    host, token = socket.gethostname().replace(":", "-"), uuid.uuid4().hex[:12]
    return Worker(host, os.getpid(), _machine(), _started(os.getpid()) or "", token, index)


def life(worker: Worker | None) -> Life:
    """Return what is known at once of a worker; None: one that is not named."""
    if worker is None or worker.machine != _machine():
        return "unknown"
    if worker.pid == os.getpid() and worker.started == _started(os.getpid()):
        return "alive" if worker.token in LIVE else "gone"
    return "alive" if _started(worker.pid) == worker.started else "gone"


class Watch:
    """Tells which beats stand still, by one looker's clock; time between far looks counts little.

    A looker that was itself held up (stopped, swapped out, its machine asleep) saw nothing of the
    time that has passed: so of the time between two looks only `step` seconds count.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        patience: float | None = None,
        step: float | None = None,
    ) -> None:
        self._clock = clock
        self._patience = PATIENCE if patience is None else patience
        self._step = 2 * BEAT_EVERY if step is None else step
        self._seen: dict[Hashable, tuple[object, float, float, bool]] = {}
        """By trial: its beat, when it was looked at, how long it has stood still, if it moved."""

    def look(self, trial: Hashable, beat: object) -> Life:
        """Look at a beat; return "gone" if it stood still too long, "alive" if it moved lately."""
        now = self._clock()
        if trial not in self._seen:
            self._seen[trial] = beat, now, 0.0, False
            return "unknown"
        before, looked, still, moved = self._seen[trial]
        if beat != before:
            still, moved = 0.0, True
        else:
            still += min(max(0.0, now - looked), self._step)
        self._seen[trial] = beat, now, still, moved
        if still >= self._patience:
            return "gone"
        return "alive" if moved else "unknown"

    def forget(self, but: set[Hashable]) -> None:
        """Forget all trials but these."""
        self._seen = {trial: seen for trial, seen in self._seen.items() if trial in but}


@cache
def _machine() -> str:
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(os.readlink("/proc/self/ns/pid"))
    except OSError:  # not Linux
        parts.append(str(uuid.getnode()))
    return blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


def _started(pid: int) -> str | None:
    """Return when a process of this machine was started; None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "" if not Path("/proc/self").exists() and _answers(pid) else None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
