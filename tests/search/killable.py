"""Searches as it is told on standard input, each in a fork of this process, so that many are cheap.

A line is: journal or URL, trials, seconds that a scoring takes at least, index of the worker, bytes
that a write to the journal takes at most (0: any number). Answers: "pid N" when it is forked, "done
ORIGIN PARAMS" for every trial that is reported finished, "ended CODE". The loop, the journal on the
disk, leases and the kills are real; engine and objectives are `fake_search.Fake`.
"""

import json
import math
import os
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fake_search import TELLTALE, Fake, open_fake
from optuna.storages import BaseStorage

from optimerge.records import shared_journal
from optimerge.records.lease import new_worker
from optimerge.records.shared_journal import SharedJournal
from optimerge.records.storage import open_database
from optimerge.records.types import Trial
from optimerge.search.budget import Stop, make_budget
from optimerge.search.study import search


class Slow(Fake):
    """Takes its time with a score."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def score(self, candidate: Any, race: Any = None) -> Any:
        time.sleep(self.seconds)
        return super().score(candidate, race)


class Reporter:
    def trial(self, trial: Trial) -> None:
        print(f"done {trial.origin}|{json.dumps(dict(trial.params))}", flush=True)


class Piecemeal:
    """A file that takes few bytes at a time, so that a kill comes in the middle of a line."""

    def __init__(self, path: Path, mode: str, buffering: int, piece: int) -> None:
        self._file, self._piece = open(path, mode, buffering=buffering), piece  # noqa: SIM115

    def __enter__(self) -> "Piecemeal":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fileno(self) -> int:
        return self._file.fileno()

    def write(self, data: memoryview) -> int:
        time.sleep(0.0002)
        return int(self._file.write(data[: self._piece]))


OPENED: list[Any] = []


def opened(name: str) -> BaseStorage | SharedJournal:
    """Open a journal, or the database of a URL; `close_databases` closes it."""
    if "://" not in name:
        return SharedJournal(Path(name))
    OPENED.append(open_database(name))
    return OPENED[-1]  # type: ignore[no-any-return]  # a storage


def close_databases() -> None:
    """Close the connections to what this process has opened."""
    while OPENED:
        storage = OPENED.pop()
        database = getattr(storage, "_backend", storage)
        database.remove_session()
        if engine := getattr(database, "engine", None):  # a proxy has none
            engine.dispose()


def main() -> None:
    os.fsync = lambda file: None  # power is not cut here, and some disks take their time
    # Imported before the first fork, not after each:
    from optimerge.search import proposer, samplers

    assert samplers
    proposer.PATIENCE = math.inf  # no helper processes: to start them takes a busy machine long
    for line in sys.stdin:
        journal, trials, seconds, index, piece = line.split()
        pid = os.fork()
        if pid == 0:
            if int(piece):
                few: Any = partial(Piecemeal, piece=int(piece))
                shared_journal.open = few  # type: ignore[attr-defined]  # not the built-in
            session = open_fake(opened(journal), Slow(float(seconds)))
            session = replace(session, worker=new_worker(int(index)))
            search(session, make_budget(int(trials), None), TELLTALE[True], Stop(), Reporter())
            os._exit(0)
        print(f"pid {pid}", flush=True)
        status = os.waitpid(pid, 0)[1]
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
