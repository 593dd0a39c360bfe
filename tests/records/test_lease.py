"""Leases by the looker's own clock, and by the processes of its own machine."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from optimerge.records.lease import BEAT_EVERY, LIVE, PATIENCE, Watch, Worker, life, new_worker


class Clock:
    """A monotonic clock that is set by hand, and may be wrong."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def looked(watch: Watch, clock: Clock, beats: list[object], every: float = 10.0) -> list[str]:
    found = []
    for beat in beats:
        found.append(watch.look("trial", beat))
        clock.now += every
    return found


def test_a_beat_that_moves_is_alive_and_one_that_stands_still_is_gone(clock: Clock) -> None:
    watch = Watch(clock)
    assert looked(watch, clock, [None, 1, 2, 2, 3]) == ["unknown", *["alive"] * 4]
    still = looked(watch, clock, [3] * 7)
    assert still == [*["alive"] * 5, "gone", "gone"]
    assert looked(watch, clock, [4]) == ["alive"]  # it was only slow


def test_what_never_beat_is_unknown_until_it_is_gone(clock: Clock) -> None:
    assert looked(Watch(clock), clock, [None] * 7) == [*["unknown"] * 6, "gone"]


@pytest.mark.parametrize("jump", [-1e6, -5.0, 1e6])
def test_a_clock_that_jumps_proves_nothing(clock: Clock, jump: float) -> None:
    watch = Watch(clock)
    looked(watch, clock, [1, 2, 2])
    clock.now += jump
    assert looked(watch, clock, [2]) == ["alive"]
    found = looked(watch, clock, [2] * 7)
    assert found[-1] == "gone"
    assert found.index("gone") >= 2  # as long as looking on takes at least, whatever the clock


def test_a_looker_that_slept_has_seen_nothing(clock: Clock) -> None:
    watch = Watch(clock)
    looked(watch, clock, [1, 2])
    for _ in range(2):
        clock.now += 10 * PATIENCE
        assert watch.look("trial", 2) == "alive"
    assert 3 * 2 * BEAT_EVERY >= PATIENCE


def test_trials_are_watched_apart_and_forgotten(clock: Clock) -> None:
    watch = Watch(clock)
    looked(watch, clock, [1] * 7)
    assert watch.look("other", 1) == "unknown"
    watch.forget({"other"})
    assert watch.look("trial", 1) == "unknown"


def test_a_worker_reads_back_and_other_text_is_none() -> None:
    worker = new_worker(3)
    assert Worker.parse(str(worker)) == replace(worker, index=0)
    assert new_worker() != new_worker()
    for text in ("", "None", "a:b:c:d:e", "a:1:b", "a:1:b:c:d:e"):
        assert Worker.parse(text) is None


def test_workers_of_this_process_live_while_they_search() -> None:
    worker = new_worker()
    assert life(worker) == "gone"
    LIVE.add(worker.token)
    assert life(worker) == "alive"
    LIVE.discard(worker.token)
    assert life(worker) == "gone"


def test_workers_of_other_machines_boots_and_containers_are_unknown() -> None:
    assert life(replace(new_worker(), machine="0123456789ab")) == "unknown"
    assert life(None) == "unknown"


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_a_process_of_this_machine_is_known_to_be_gone_at_once_also_as_a_zombie() -> None:
    code = "from optimerge.records.lease import *; import time; print(new_worker(), flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    worker = Worker.parse(process.stdout.readline().strip())
    assert worker is not None
    assert life(worker) == "alive"
    assert life(replace(worker, started="1")) == "gone"  # the number was given out again
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert life(worker) == "gone"
    process.communicate()
    assert life(worker) == "gone"
