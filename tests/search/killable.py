"""Searches as it is told on standard input, each in a fork of this process, so that many are cheap.

A line is: journal or URL, trials, seconds that a scoring takes at least. Answers: "pid N" when it is
forked, "done ORIGIN PARAMS" for every trial that is reported finished, "ended CODE". The loop, the
journal on the disk, leases and the kills are real; engine and objectives are `fake_search.Fake`.
"""

import json
import math
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from fake_search import TELLTALE, Fake, open_fake
from optuna.storages import BaseStorage

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


def opened(name: str) -> BaseStorage | SharedJournal:
    """Open a journal, or the database of a URL."""
    return open_database(name) if "://" in name else SharedJournal(Path(name))


def main() -> None:
    os.fsync = lambda file: None  # power is not cut here, and some disks take their time
    # Imported before the first fork, not after each:
    from optimerge.search import proposer, samplers

    assert samplers
    proposer.PATIENCE = math.inf  # no helper processes: to start them takes a busy machine long
    for line in sys.stdin:
        journal, trials, seconds, index = line.split()
        pid = os.fork()
        if pid == 0:
            session = open_fake(opened(journal), Slow(float(seconds)))
            session = replace(session, worker=new_worker(int(index)))
            search(session, make_budget(int(trials), None), TELLTALE[True], Stop(), Reporter())
            os._exit(0)
        print(f"pid {pid}", flush=True)
        status = os.waitpid(pid, 0)[1]
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
