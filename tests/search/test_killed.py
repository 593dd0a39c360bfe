"""A real search that is killed, with a sampler that proposes ahead, ends up where it would have."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_search import TELLTALE, KilledError, told

from optimerge.cli.quiet import quiet
from optimerge.records.keys import JOURNAL
from optimerge.records.run import open_run
from optimerge.records.shared_journal import SharedJournal
from optimerge.search.budget import Stop, make_budget
from optimerge.search.study import search


class Nobody:
    def trial(self, trial: Any) -> None: ...


def searched_ahead(session: Any, trials: int) -> None:
    with quiet(scoring=True):
        search(session, make_budget(trials, None), TELLTALE[True], Stop(), Nobody())


def test_killed_at_three_writes_it_comes_to_the_same(
    made_family: Path, tmp_path: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(made_family, tmp_path / "whole")
    searched_ahead(session, 9)
    append = SharedJournal.append_logs
    left = [0]

    def killed(self: Any, logs: Any) -> None:
        for log in logs:  # also between two lines of one write
            if not left[0]:
                raise KilledError
            left[0] -= 1
            append(self, [log])

    monkeypatch.setattr(SharedJournal, "append_logs", killed)
    for lines in (40, 30, 5):  # in the warm start, in a proposal's trial, putting that one back
        left[0] = lines
        with pytest.raises(KilledError):
            searched_ahead(opened(made_family, tmp_path / "parts"), 9)
    left[0] = 10_000
    searched_ahead(opened(made_family, tmp_path / "parts"), 9)
    assert told(open_run(tmp_path / "parts")) == told(open_run(tmp_path / "whole"))
    numbers = [t.number for t in open_run(tmp_path / "parts").trials()[3:]]
    assert numbers != [t.number for t in open_run(tmp_path / "whole").trials()[3:]]


EAGER = (
    "import sys; from optimerge.search import proposer; proposer.PATIENCE = 0.0;"
    "from optimerge.cli.main import run; sys.exit(run(sys.argv[1:]))"
)


def start(space: Path, folder: Path, trials: int) -> subprocess.Popen[str]:
    command = ["search", str(space), "--run-dir", str(folder), "--sampler", "auto"]
    return subprocess.Popen(
        [sys.executable, "-c", EAGER, *command, "--trials", str(trials)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def helpers_of(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"\nPPid:\t{pid}\n" in status.read_text():
                found.append(int(status.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@pytest.mark.slow
def test_kill_9_of_search_and_of_helper(made_family: Path, tmp_path: Path) -> None:
    """Twice the search is killed, once its helper: the points are the same, and none is left."""
    trials, space = 18, made_family / "space.yaml"
    whole = start(space, tmp_path / "whole", trials)
    said = whole.communicate(timeout=300)[0]
    assert whole.returncode == 0, said
    journal = tmp_path / "parts" / JOURNAL
    left: list[int] = []
    for count in (12, 15):
        process = start(space, tmp_path / "parts", trials)
        wait_for(lambda n=count: journal.exists() and journal.read_text().count('"tokens"') >= n)
        left += helpers_of(process.pid)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(space, tmp_path / "parts", trials)
    wait_for(lambda: helpers_of(process.pid))
    for pid in helpers_of(process.pid):
        os.kill(pid, signal.SIGKILL)
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    assert left, "no helper was at work when the search was killed"
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))
    mine, wanted = told(open_run(tmp_path / "parts")), told(open_run(tmp_path / "whole"))
    assert mine == wanted


def wait_for(happened: Any) -> None:
    deadline = time.monotonic() + 200
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
