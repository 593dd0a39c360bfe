"""The journal survives what kills its writers: torn lines, at any byte, and writers at once."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.storages.journal import _file as optuna_file

from optimerge.cli.quiet import quiet
from optimerge.errors import RunError
from optimerge.records import shared_journal as journals
from optimerge.records.attributes import trial_attributes
from optimerge.records.keys import JOURNAL
from optimerge.records.run import Run, RunInfo, create_run, find_run, open_run
from optimerge.records.shared_journal import JournalLock, SharedJournal, mend
from optimerge.records.storage import open_journal
from optimerge.records.types import MergeStats, Score

INFO = RunInfo("merge_method: ties\n", "s.yaml", "d", {"t": "maximize"}, 4, 0, False)


def tell_one(run: Run, value: float) -> None:
    asked = run.search.ask()
    asked.suggest_float("x", 0, 1)
    scores = {"t": Score(value, 0.02, 50, "maximize", 1.5)}
    stats = MergeStats(0.5, 100, 25, 3.0, 1.0)
    for key, kept in trial_attributes("sampler", "recipe", scores, stats).items():
        asked.set_user_attr(key, kept)
    run.search.tell(asked, value)


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power is not cut here, and some disks take their time."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a journal with two finished trials."""
    run = create_run(tmp_path_factory.mktemp("whole"), INFO)
    for number in range(2):
        tell_one(run, number / 10)
    return (run.folder / JOURNAL).read_bytes()


def operations(path: Path) -> list[dict[str, Any]]:
    return list(SharedJournal(path).read_logs(0))


def parsed(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


@pytest.mark.slow
def test_cut_at_every_byte_all_whole_lines_before_the_cut_are_there(
    whole: bytes, tmp_path: Path
) -> None:
    path = tmp_path / JOURNAL
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        lines = whole[:cut].count(b"\n")
        wanted = parsed(whole)[:lines]
        assert operations(path) == wanted, cut  # unmended, as `status` reads it
        assert path.stat().st_size == cut
        SharedJournal(path).append_logs([{"op_code": 10}])
        assert path.read_bytes().splitlines()[-1] == b'{"op_code":10}'
        assert parsed(path.read_bytes()) == [*wanted, {"op_code": 10}], cut  # also for others


def test_cut_at_every_byte_a_run_opens_or_was_never_started(whole: bytes, tmp_path: Path) -> None:
    ends = [0, *(at + 1 for at, byte in enumerate(whole) if byte == 10)]
    told = [json.loads(line).get("state") == 1 for line in whole.splitlines()]
    begun = next(n for n, line in enumerate(whole.splitlines(), 1) if b'"run"' in line)
    for cut in {*ends, *(end + 1 for end in ends[:-1]), *range(0, len(whole), 97)}:
        (tmp_path / JOURNAL).write_bytes(whole[:cut])
        lines = whole[:cut].count(b"\n")
        run = find_run(tmp_path)
        if lines < begun:
            assert run is None
            run = create_run(tmp_path, INFO)  # as the same search does, again
        assert run is not None
        assert run.finished() == sum(told[:lines])
        tell_one(run, 0.5)
        assert open_run(tmp_path).finished() == sum(told[:lines]) + 1


def test_a_torn_line_that_another_program_appended_to_costs_only_itself(
    whole: bytes, tmp_path: Path
) -> None:
    path, rng = tmp_path / JOURNAL, random.Random(0)
    lines = whole.splitlines(keepends=True)
    for number in range(1, len(lines) - 1):
        torn = lines[number][: rng.randrange(1, len(lines[number]) - 1)]
        path.write_bytes(b"".join([*lines[:number], torn, *lines[number + 1 :]]))
        wanted = parsed(b"".join([*lines[:number], *lines[number + 1 :]]))
        assert operations(path) == wanted
        path.write_bytes(b"".join([*lines[:number], torn + b"\n", *lines[number + 1 :]]))
        assert operations(path) == wanted
        with pytest.raises(json.JSONDecodeError):
            list(JournalFileBackend(str(path)).read_logs(0))


def test_what_follows_a_broken_line_is_read_once(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    path.write_bytes(whole)
    mine = SharedJournal(path)
    count = len(list(mine.read_logs(0)))
    with path.open("ab") as file:
        file.write(b'{"op_code":1\n{"op_code":2}\n{"op_')
    assert list(mine.read_logs(count)) == [{"op_code": 2}]
    assert list(mine.read_logs(count + 1)) == []
    mine.append_logs([{"op_code": 3}])
    assert list(mine.read_logs(count + 1)) == [{"op_code": 3}]
    assert len(list(mine.read_logs(0))) == count + 2


def test_a_line_that_is_being_written_is_not_cut_off(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / JOURNAL
    path.write_bytes(whole + b'{"op_')
    writer = JournalLock(path)
    assert writer.acquire()
    assert writer.cut == 5  # the writer before was dead
    with path.open("ab") as file:
        file.write(b'{"op_c')
    code = f"from optimerge.records.shared_journal import mend; from pathlib import Path; print(mend(Path({str(path)!r})))"
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(2.0)
    with path.open("ab") as file:
        file.write(b'ode":10}\n')
    writer.release()
    assert other.communicate(timeout=60)[0] == "0\n"
    assert operations(path) == [*parsed(whole), {"op_code": 10}]


WRITER = """
import sys
from pathlib import Path
import optuna
from optimerge.records.storage import open_journal
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(study_name="s", storage=open_journal(Path(sys.argv[1])), load_if_exists=True)
print("ready", flush=True)
while True:
    trial = study.ask()
    trial.set_user_attr("long", "x" * 20_000)
    study.tell(trial, 1.0)
    print(trial.number, flush=True)
"""


@pytest.mark.slow
def test_writers_that_are_killed_lose_nothing_that_was_told(tmp_path: Path) -> None:
    """Three write at once; 20 times one of them is killed, and another takes its place."""
    path, rng = tmp_path / JOURNAL, random.Random(1)

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WRITER, str(path)]
        made = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert made.stdout is not None
        assert made.stdout.readline() == "ready\n"
        return made

    writers, told = [start() for _ in range(3)], []
    for kill in range(20):
        victim = writers.pop(0)
        try:
            victim.wait(rng.random() * 0.2)
        except subprocess.TimeoutExpired:
            victim.kill()
        told += [int(line) for line in victim.communicate()[0].split()]
        if kill < 17:
            writers.append(start())
    for writer in writers:
        writer.kill()
        told += [int(line) for line in writer.communicate()[0].split()]
    study = optuna.load_study(study_name="s", storage=open_journal(path))
    complete = {trial.number for trial in study.trials if trial.state.name == "COMPLETE"}
    assert len(told) == len(set(told)) > 20
    assert set(told) <= complete
    assert [trial.number for trial in study.trials] == list(range(len(study.trials)))


def test_a_reader_never_sees_a_line_made_of_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torn end is cut off and written anew between a reader's two looks."""
    path = tmp_path / JOURNAL
    path.write_bytes(b'{"op_code":1}\n{"op_code":2,"a":"torn')
    mine, pread = SharedJournal(path), os.pread
    looks = iter([pread, pread])

    def changing(file: int, length: int, at: int) -> bytes:
        found = next(looks, lambda *_: None)(file, length, at)
        if found is None:
            return pread(file, length, at)
        if length > 1:
            SharedJournal(path).append_logs([{"op_code": 3, "b": "whole, and longer than that"}])
        return found

    with monkeypatch.context() as patch:
        patch.setattr(journals.os, "pread", changing)
        found = list(mine.read_logs(0))
    assert found in (
        [{"op_code": 1}],
        [{"op_code": 1}, {"op_code": 3, "b": "whole, and longer than that"}],
    )
    assert [o["op_code"] for o in operations(path)] == [1, 3]


def test_where_there_are_no_locks_a_file_beside_it_is_one(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(file: int, how: int) -> None:
        raise OSError(journals.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(journals.fcntl, "flock", unknown)
    path = tmp_path / JOURNAL
    path.write_bytes(whole + b"torn")
    lock = JournalLock(path)
    lock.acquire()
    assert (tmp_path / (JOURNAL + optuna_file.LOCK_FILE_SUFFIX)).exists()
    lock.release()
    assert path.read_bytes() == whole
    held = JournalFileOpenLock(str(path))
    assert held.acquire()
    held.release()


def test_a_lock_of_a_process_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    code = (
        "import os, signal; from pathlib import Path; from optimerge.records.shared_journal import JournalLock;"
        f"JournalLock(Path({str(path)!r})).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert mend(path) == 0


def test_a_journal_that_grows_shorter_while_it_is_read_is_said_so(
    whole: bytes, tmp_path: Path
) -> None:
    path = tmp_path / JOURNAL
    path.write_bytes(whole)
    mine = SharedJournal(path)
    count = len(list(mine.read_logs(0)))
    path.write_bytes(whole[:100])
    with pytest.raises(RunError, match="cut off or replaced"):
        list(mine.read_logs(count))


@pytest.fixture
def silent() -> Iterator[None]:
    with quiet():
        yield


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_of_a_journal_of_garbage_only_run_errors_come(
    whole: bytes, tmp_path: Path, silent: None, data: st.DataObject
) -> None:
    """Bytes changed, lines swapped, values of operations replaced: it opens, or RunError."""
    lines = whole.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    kind = data.draw(st.sampled_from(["bytes", "flip", "value", "order"]))
    if kind == "bytes":
        lines[at] = data.draw(st.binary(max_size=40)) + b"\n"
    elif kind == "flip":
        place = data.draw(st.integers(0, len(lines[at]) - 1))
        lines[at] = lines[at][:place] + data.draw(st.binary(max_size=3)) + lines[at][place + 1 :]
    elif kind == "value":
        operation = json.loads(lines[at])
        key = data.draw(st.sampled_from(sorted(operation)))
        inner = operation[key]
        if isinstance(inner, dict) and inner and data.draw(st.booleans()):
            inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(values)
        else:
            operation[key] = data.draw(values)
        lines[at] = json.dumps(operation).encode() + b"\n"
    else:
        other = data.draw(st.integers(0, len(lines) - 1))
        lines[at], lines[other] = lines[other], lines[at]
    (tmp_path / JOURNAL).write_bytes(b"".join(lines))
    try:
        run = open_run(tmp_path)
        run.trials()
        run.finished()
    except RunError:
        pass
