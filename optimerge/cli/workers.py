"""`optimerge search --workers N`: starts N searches of one run, and looks after them.

Each is an `optimerge search` of its own with its own model, on a device or a share of the CPU's
threads; they share the run as searches on several machines do, and need nobody to tell them what
to do. This process shows one progress, passes signals on, and starts a worker again that was
killed. Where this process itself is killed, the workers end after their trials.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from click.core import ParameterSource

from optimerge.cli.options import chosen_device
from optimerge.cli.progress import SearchProgress
from optimerge.cli.screen import err
from optimerge.errors import OptimergeError
from optimerge.merge.shared import VARIABLE as SHARED
from optimerge.merge.shared import make_shared
from optimerge.records.artifact_url import VARIABLE as ARTIFACTS
from optimerge.records.run import find_run, url_of
from optimerge.records.storage import VARIABLE
from optimerge.records.types import Trial
from optimerge.search.again import Again, environment
from optimerge.search.budget import Budget, Stop
from optimerge.search.lock import WORKERS

log = logging.getLogger(__name__)

RESTARTS = 5
"""How often one worker is started again."""
LOOK = 0.5
"""Seconds between two looks at the workers and the run."""
PAUSE = 0.2
"""Seconds between two signals to a worker."""
SUPERVISED = "OPTIMERGE_SUPERVISED"
"""Environment variable of a worker whose standard input ends with its supervisor."""
_STOPPED = (130, 128 + signal.SIGTERM)
_ASKED_FOR = (0, *_STOPPED)
"""Exit codes of a worker that was stopped, or is done."""
ARRAYS = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")
"""Environment variables that number the tasks of a job array."""
HERE = ("workers", "device", "storage", "artifacts", "on_finish", "webhook")
"""Options that workers are not given: they are this process's affair, or passed on otherwise."""


@dataclass
class _Worker:
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
        if self.process and self.process.stdin:
            self.process.stdin.close()

    @property
    def code(self) -> int | None:
        return self.process.poll() if self.process else None

    def ask_to_stop(self) -> None:
        self.asked += 1
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def last_words(self) -> str:
        lines = self.said.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


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
    common = {} if shared is None else {SHARED: str(shared)}
    workers = [
        _Worker(
            index,
            [
                *(sys.executable, "-m", "optimerge", "search"),
                *arguments(context, without=HERE),
                *("--worker-index", str(index), "--device", device),
            ],
            _environment(device, len(devices), *places) | environment(since) | common,
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
    workers: Sequence[_Worker],
    folder: Path,
    storage: str,
    budget: Budget,
    stop: Stop,
) -> None:
    told, shown = False, _Shown(folder, storage, budget)
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
            f"{folder}: no worker is left; the last one ended {_ending(workers[-1].code)}: "
            f"{workers[-1].last_words()}"
        )


def _restarted(worker: _Worker, code: int | None) -> bool:
    """Start a worker again that died; OptimergeError if it ended for bad input."""
    if code is None or code in _ASKED_FOR:
        return False
    if code == 2:
        raise OptimergeError(worker.last_words().removeprefix("Error: "))
    if worker.started > RESTARTS:
        return False
    err().print(f"note: worker {worker.index} ended {_ending(code)}; it is started again")
    worker.start()
    return True


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"with exit code {code}"
    name = signal.Signals(-code).name
    return f"by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _ask_all(workers: Sequence[_Worker], times: int = 1) -> None:
    """Ask each to stop until it was asked so often; two signals at once would come as one."""
    while left := [worker for worker in workers if worker.asked < times]:
        for worker in left:
            worker.ask_to_stop()
        if any(worker.asked < times and worker.code is None for worker in left):
            time.sleep(PAUSE)


def _wait_for_all(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        if worker.process:
            worker.process.wait()
            worker.close()


class _Shown:
    """The progress of a run that the workers have yet to make."""

    def __init__(self, folder: Path, storage: str, budget: Budget) -> None:
        self._folder, self._storage, self._budget = folder, storage, budget
        self._run = find_run(folder, storage)
        self._progress: SearchProgress | None = None
        self._known = _ended(self._run.trials()).keys() if self._run else set[str]()
        """Names of the trials that had ended before, or were shown."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None:
        if self._progress:
            self._progress.__exit__(None, None, None)

    def look(self) -> None:
        """Show the trials that have ended since the last look."""
        if self._run is None:
            self._run = find_run(self._folder, self._storage)
        if self._run is None:
            return
        trials = self._run.trials()
        ended = _ended(trials)
        if self._progress is None:
            if ended.keys() == self._known and not any(t.state == "running" for t in trials):
                return  # the workers load their models: no time for the rate
            self._progress = SearchProgress(self._run, self._budget).__enter__()
        for name, trial in ended.items():
            if name not in self._known:
                self._progress.trial(trial)
        self._known = ended.keys()


def _ended(trials: Sequence[Trial]) -> dict[str, Trial]:
    return {t.name: t for t in trials if t.state not in ("waiting", "running")}


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


def array_index(environment: Mapping[str, str] | None = None) -> int | None:
    """Return which task of a job array this is (SLURM, Kubernetes); None if it is none.

    Workers of one run that have indices of their own do not propose the same at the same moment.
    In a folder that they share they get one from it; in a database the array's is the only one.
    """
    given = os.environ if environment is None else environment
    found = [given[name] for name in ARRAYS if given.get(name, "").isdecimal()]
    return int(found[0]) if found else None


def devices_for(
    workers: int, device: str, device_map: "str | Mapping[str, str] | None" = None
) -> list[str]:
    """Return the device of each worker; OptimergeError if there are not as many.

    With a device map, or several devices named, all are shared out: each worker has several, joined
    by commas, and the first ones have one more where they do not come out even.
    """
    import torch

    if isinstance(device_map, Mapping):
        raise OptimergeError(
            f"--workers {workers}: search.device_map names the devices of one worker; give "
            "device_map: auto, which shares all devices out to the workers"
        )
    chosen = chosen_device(device, device_map)
    if not chosen.startswith("cuda"):
        return [chosen] * workers
    if device_map or "," in chosen:
        every = chosen.split(",")
        if workers > len(every):
            raise OptimergeError(
                f"--workers {workers}: {len(every)} CUDA devices are there for them; give "
                f"--workers {len(every)} or fewer"
            )
        each, more = divmod(len(every), workers)
        sizes = [each + (index < more) for index in range(workers)]
        starts = [sum(sizes[:index]) for index in range(workers)]
        return [",".join(every[a : a + n]) for a, n in zip(starts, sizes, strict=True)]
    there = torch.cuda.device_count()
    if device not in ("auto", "cuda"):
        raise OptimergeError(
            f"--workers {workers} --device {device}: every worker has a device of its own; leave "
            "--device out, or give cpu"
        )
    if workers > there:
        raise OptimergeError(
            f"--workers {workers}: {there} CUDA devices are there; give --workers {there}"
        )
    return [f"cuda:{index}" for index in range(workers)]


def _environment(device: str, count: int, storage: str, artifacts: str = "") -> dict[str, str]:
    given = {VARIABLE: storage, ARTIFACTS: artifacts}
    found = os.environ | {SUPERVISED: "1"} | {name: url for name, url in given.items() if url}
    if device == "cpu":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        found.setdefault("OMP_NUM_THREADS", str(max(1, (cores or 1) // count)))
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
