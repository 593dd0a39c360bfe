"""Several searches of one run: two commands, `--workers`, and what happens when one dies."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest

from optimerge.cli import workers
from optimerge.cli.devices import array_index, devices_for
from optimerge.cli.main import run as run_command
from optimerge.cli.search import command
from optimerge.cli.worker import Worker as Process
from optimerge.cli.worker import arguments, ending, worker_environment
from optimerge.errors import OptimergeError, RunError
from optimerge.merge.shared import make_shared
from optimerge.records.lease import WORKER, Worker
from optimerge.records.run import Run, find_run, open_run
from optimerge.search.budget import Budget, Stop
from optimerge.search.lease import running_trials
from optimerge.search.lock import joined, sole_writer

SHARED = """
import sys, time
from optimerge.cli.main import run
from optimerge.search import study

plain = study.attempt

def attempt(session, *given):
    deadline = time.monotonic() + 400
    while len({t.user_attrs.get("worker") for t in session.run.search.trials} - {None}) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return plain(session, *given)

study.attempt = attempt
sys.exit(run(sys.argv[1:]))
"""
"""The command, of which no candidate is scored before another one has begun a candidate."""


def started(*words: str | Path, shared: bool = False, **more: str) -> subprocess.Popen[str]:
    how = ["-c", SHARED] if shared else ["-m", "optimerge"]
    return subprocess.Popen(
        [sys.executable, *how, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | more,
    )  # fmt: skip


def wait_for(happened: Any, seconds: float = 400) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def workers_of(run: Run) -> Counter[int]:
    """Count the trials of each process."""
    found = (Worker.parse(str(t.user_attrs.get(WORKER))) for t in run.search.trials)
    return Counter(worker.pid for worker in found if worker)


def check(run: Run, trials: int) -> None:
    assert run.finished() == trials
    found = [t for t in run.trials() if t.state != "waiting"]
    assert [t.origin for t in found[:3]] == ["base", "expert:red", "expert:blue"]
    assert not any(t.is_parent for t in found[3:])
    assert len({str(sorted(t.params.items())) for t in found[3:]}) == trials - 3


@pytest.mark.slow
def test_two_commands_on_one_folder_share_the_work(made_family: Path, tmp_path: Path) -> None:
    words = ["search", made_family / "space.yaml", "--run-dir", tmp_path, "--trials", "16"]
    both = [started(*words, shared=True) for _ in range(2)]  # at once: both make the run
    said = [process.communicate(timeout=500)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    run = open_run(tmp_path)
    check(run, 16)
    assert len(workers_of(run)) == 2
    assert all(text.count("Pareto front") == 1 for text in said)


@pytest.mark.slow
def test_workers_share_the_work_and_one_that_is_killed_is_started_again(
    made_family: Path, tmp_path: Path
) -> None:
    words = ["search", made_family / "space.yaml", "--run-dir", tmp_path, "--trials", "80"]
    process = started(*words, "--workers", "2", "--device", "cpu")

    def running() -> "list[Any]":
        run = find_run(tmp_path)
        found = running_trials(run.search) if run else []
        return [trial for trial in found if WORKER in trial.user_attrs]  # said a moment later

    [trial, *_] = wait_for(running)
    worker = Worker.parse(str(trial.user_attrs[WORKER]))
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    said = process.communicate(timeout=500)[0]
    assert process.returncode == 0, said
    run = open_run(tmp_path)
    check(run, 80)
    assert "ended by SIGKILL (out of memory?); it is started again" in said
    assert "80 trials in" in said
    assert said.count("Pareto front") == 1


@pytest.mark.slow
def test_a_signal_to_the_supervisor_stops_its_workers_after_their_trials(
    made_family: Path, tmp_path: Path
) -> None:
    words = ["search", made_family / "space.yaml", "--run-dir", tmp_path, "--trials", "9999"]
    process = started(*words, "--workers", "2", "--device", "cpu")
    wait_for(lambda: (run := find_run(tmp_path)) and run.finished() >= 5)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=300)[0]
    assert process.returncode in (130, 143), said
    run = open_run(tmp_path)
    assert not running_trials(run.search)
    assert 5 <= run.finished() < 9999


def test_what_workers_are_told_is_what_the_command_was_told() -> None:
    given = [
        "space.yaml",
        "--trials",
        "7",
        "--exact",
        "--storage",
        "sqlite:///x",
        "--workers",
        "3",
        "--device",
        "cpu",
    ]
    with command.make_context("search", given) as context:
        told = arguments(context, without=("workers", "device", "storage"))
    assert sorted(told) == sorted(["space.yaml", "--trials", "7", "--exact"])
    with command.make_context("search", [*told, "--worker-index", "1"]) as again:
        kept = {"trials": 7, "exact": True, "space": Path("space.yaml"), "worker_index": 1}
        assert {name: again.params[name] for name in kept} == kept
        assert (again.params["workers"], again.params["storage"]) == (1, "")


def test_every_worker_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert devices_for(3, "cpu") == ["cpu"] * 3
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices_for(2, "auto") == devices_for(2, "cuda") == ["cuda:0", "cuda:1"]
    with pytest.raises(OptimergeError, match="2 CUDA devices are there; give --workers 2"):
        devices_for(3, "auto")
    with pytest.raises(OptimergeError, match="a device of its own"):
        devices_for(2, "cuda:1")


def test_a_task_of_a_job_array_has_its_number() -> None:
    assert array_index({}) is None
    assert array_index({"SLURM_ARRAY_TASK_ID": "7"}) == 7
    assert array_index({"JOB_COMPLETION_INDEX": "0"}) == 0
    assert array_index({"SLURM_ARRAY_TASK_ID": ""}) is None


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    assert worker_environment("cpu", 2, "")["OMP_NUM_THREADS"] == str(max(1, cores // 2))
    assert "OMP_NUM_THREADS" not in worker_environment("cuda:0", 2, "")
    url = "postgresql://me:secret@there/db"
    assert worker_environment("cpu", 2, url)["OPTIMERGE_STORAGE"] == url


@pytest.mark.parametrize(
    ("code", "words"),
    [(-9, "by SIGKILL (out of memory?)"), (-15, "by SIGTERM"), (1, "with exit code 1")],
)
def test_how_a_worker_ended_is_said(code: int, words: str) -> None:
    assert ending(code) == words


DYING = "import sys; print('Error: it is broken', file=sys.stderr); sys.exit({code})"


def looked_after(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(workers, "LOOK", 0.01)
    worker = Process(
        0,
        [sys.executable, "-S", "-c", DYING.format(code=code)],
        dict(os.environ),
        tmp_path / "0.txt",
    )
    worker.start()
    try:
        workers._look_after([worker], tmp_path, "", Budget(1, None), Stop())
    finally:
        workers._wait_for_all([worker])
    return worker


def test_bad_input_to_a_worker_ends_the_search_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OptimergeError, match=r"^it is broken$"):
        looked_after(tmp_path, 2, monkeypatch)


def test_a_worker_that_dies_again_and_again_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OptimergeError, match=r"no worker is left.*exit code 3.*it is broken"):
        looked_after(tmp_path, 3, monkeypatch)
    assert capsys.readouterr().err.count("started again") == workers.RESTARTS


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs memory without a name")
def test_a_worker_that_is_started_again_has_the_shared_memory_too(tmp_path: Path) -> None:
    file = make_shared()
    assert file is not None
    look = "import os, sys; print(os.readlink(f'/proc/self/fd/{sys.argv[1]}'), file=sys.stderr)"
    words = [sys.executable, "-S", "-c", look, str(file)]
    worker = Process(0, words, dict(os.environ), tmp_path / "0.txt", file)
    for _ in range(2):
        worker.start()
        workers._wait_for_all([worker])
    os.close(file)
    said = (tmp_path / "0.txt").read_text().splitlines()
    assert [line.split()[0] for line in said] == ["/memfd:optimerge"] * 2


@pytest.mark.slow
def test_searches_on_one_folder_have_indices_of_their_own(tmp_path: Path) -> None:
    with joined(tmp_path) as first, joined(tmp_path) as second, joined(tmp_path, 5) as fifth:
        assert (first, second, fifth) == (0, 1, 5)
        with pytest.raises(RunError, match="at work in this run folder"), sole_writer(tmp_path):
            pass
    with joined(tmp_path) as again:
        assert again == 0
    with sole_writer(tmp_path), pytest.raises(RunError, match="another search is at work"):
        joined(tmp_path).__enter__()


def test_a_storage_that_is_not_known_is_said_so_without_its_password(
    made_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for url in ("oracle://me:secret@there/db", "postgresql+psycopg://me:secret@127.0.0.1:1/db"):
        words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path)]
        assert run_command([*words, "--storage", url]) == 2
        said = capsys.readouterr().err
        assert "me:***@" in said
        assert "secret" not in said
        assert len(said.strip().splitlines()) == 1
    assert not any("secret" in f.read_text() for f in tmp_path.rglob("*") if f.is_file())


def test_the_options_are_what_click_shows() -> None:
    text = command.get_help(click.Context(command))
    assert "--workers" in text
    assert "--storage" in text
    assert "--worker-index" not in text
