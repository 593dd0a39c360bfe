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
from optimerge.cli.main import run as run_command
from optimerge.cli.search import command
from optimerge.cli.workers import arguments, array_index, devices_for
from optimerge.errors import OptimergeError, RunError
from optimerge.records.lease import WORKER, Worker
from optimerge.records.run import Run, find_run, open_run
from optimerge.search.lease import running_trials
from optimerge.search.lock import joined, sole_writer

SLOW = (
    "import sys, time; from optimerge.search import study; plain = study.attempt;"
    "study.attempt = lambda *given: (time.sleep(0.5), plain(*given))[1];"
    "from optimerge.cli.main import run; sys.exit(run(sys.argv[1:]))"
)
"""The command with a candidate that takes half a second more."""


def started(*words: str | Path, slow: bool = False) -> subprocess.Popen[str]:
    how = ["-c", SLOW] if slow else ["-m", "optimerge"]
    return subprocess.Popen(
        [sys.executable, *how, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
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
    one = started(*words, slow=True)
    wait_for(lambda: (run := find_run(tmp_path)) and run.finished() >= 1)
    two = started(*words, slow=True)
    said = [process.communicate(timeout=500)[0] for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), said
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
        return list(running_trials(run.search)) if run else []

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
    assert workers._environment("cpu", 2, "")["OMP_NUM_THREADS"] == str(max(1, cores // 2))
    assert "OMP_NUM_THREADS" not in workers._environment("cuda:0", 2, "")
    url = "postgresql://me:secret@there/db"
    assert workers._environment("cpu", 2, url)["OPTIMERGE_STORAGE"] == url


@pytest.mark.parametrize(
    ("code", "words"),
    [(-9, "by SIGKILL (out of memory?)"), (-15, "by SIGTERM"), (1, "with exit code 1")],
)
def test_how_a_worker_ended_is_said(code: int, words: str) -> None:
    assert workers._ending(code) == words


DYING = "import sys; print('Error: it is broken', file=sys.stderr); sys.exit({code})"


def looked_after(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(workers, "LOOK", 0.01)
    from optimerge.search.budget import Budget, Stop

    worker = workers._Worker(
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
