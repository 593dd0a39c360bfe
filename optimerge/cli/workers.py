"""`optimerge search --workers N`: starts N searches of one run, and looks after them.

Each is an `optimerge search` of its own with its own model, on a device or a share of the CPU's
threads; they share the run as searches on several machines do, and need nobody to tell them what
to do. This process shows one progress, passes signals on, and starts a worker again that was
killed. Where this process itself is killed, the workers end after their trials.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from optimerge.cli.devices import array_index
from optimerge.cli.run_progress import RunProgress
from optimerge.cli.screen import note
from optimerge.cli.worker import Worker, arguments, ending, worker_environment
from optimerge.errors import OptimergeError
from optimerge.merge.shared import SHARED_VARIABLE, make_shared
from optimerge.records.keys import WORKERS
from optimerge.records.run import url_of
from optimerge.search.again import Again, environment
from optimerge.search.budget import Budget, Stop

log = logging.getLogger(__name__)

RESTARTS = 5
"""How often one worker is started again."""
LOOK = 0.5
"""Seconds between two looks at the workers and the run."""
PAUSE = 0.2
"""Seconds between two signals to a worker."""
_STOPPED = (130, 128 + signal.SIGTERM)
_ASKED_FOR = (0, *_STOPPED)
"""Exit codes of a worker that was stopped, or is done."""
HERE = ("workers", "device", "storage", "artifacts", "on_finish", "webhook")
"""Options that workers are not given: they are this process's affair, or passed on otherwise."""


def run_workers(
    context: click.Context,
    folder: Path,
    devices: Sequence[str],
    budget: Budget,
    places: tuple[str, str],
    stop: Stop,
    since: Again,
) -> None:
    """Run a worker on each device until all have ended, or `stop` is set and they have stopped.

    `places`: URLs of the run's storage and artifacts, "" for the defaults.
    `since`: what a worker that is started again has to know of the search. OptimergeError with what
    a worker said that ended for bad input, or died too often.
    """
    (folder / WORKERS).mkdir(parents=True, exist_ok=True)
    first = (array_index() or 0) * len(devices) if url_of(folder, places[0]) else 0
    shared = make_shared()
    common = {} if shared is None else {SHARED_VARIABLE: str(shared)}
    workers = [
        Worker(
            index,
            [
                *(sys.executable, "-m", "optimerge", "search"),
                *arguments(context, without=HERE),
                *("--worker-index", str(index), "--device", device),
            ],
            worker_environment(device, len(devices), *places) | environment(since) | common,
            folder / WORKERS / f"{index}.txt",
            shared,
        )
        for index, device in enumerate(devices, first)
    ]
    try:
        for worker in workers:
            worker.start()
        _look_after(workers, folder, places[0], budget, stop)
    except KeyboardInterrupt:
        _ask_all(workers, times=2)
        raise
    finally:
        _ask_all(workers)
        _wait_for_all(workers)
        if shared is not None:
            os.close(shared)


def _look_after(
    workers: Sequence[Worker],
    folder: Path,
    storage: str,
    budget: Budget,
    stop: Stop,
) -> None:
    told, shown = False, RunProgress(folder, storage, budget)
    with shown:
        while True:
            codes = [worker.code for worker in workers]
            again = [not told and _restarted(*each) for each in zip(workers, codes, strict=True)]
            shown.look()
            if None not in codes and not any(again):
                break
            time.sleep(LOOK)
            if stop.requested and not told:
                told = True
                _ask_all(workers)
    if not stop.requested and any(worker.code in _STOPPED for worker in workers):
        stop.why, stop.requested = "asked by `optimerge stop`", True
    if not stop.requested and all(worker.code not in _ASKED_FOR for worker in workers):
        raise OptimergeError(
            f"{folder}: no worker is left; the last one ended {ending(workers[-1].code)}: "
            f"{workers[-1].last_words()}"
        )


def _restarted(worker: Worker, code: int | None) -> bool:
    """Start a worker again that died; OptimergeError if it ended for bad input."""
    if code is None or code in _ASKED_FOR:
        return False
    if code == 2:
        raise OptimergeError(worker.last_words().removeprefix("Error: "))
    if worker.started > RESTARTS:
        return False
    note(f"worker {worker.index} ended {ending(code)}; it is started again")
    worker.start()
    return True


def _ask_all(workers: Sequence[Worker], times: int = 1) -> None:
    """Ask each to stop until it was asked so often; two signals at once would come as one."""
    while left := [worker for worker in workers if worker.asked < times]:
        for worker in left:
            worker.ask_to_stop()
        if any(worker.asked < times and worker.code is None for worker in left):
            time.sleep(PAUSE)


def _wait_for_all(workers: Sequence[Worker]) -> None:
    for worker in workers:
        if worker.process:
            worker.process.wait()
            worker.close()
