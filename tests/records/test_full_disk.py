"""What becomes of the journal and of evidence while a disk is full, and when there is room."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest

from optimerge.errors import RunError
from optimerge.records import full_disk
from optimerge.records.full_disk import patiently, waiting_for_room
from optimerge.records.shared_journal import SharedJournal
from optimerge.records.whole import written_whole


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_disk, "EVERY", 0.02)
    monkeypatch.setattr(full_disk, "LOOK", 0.01)


class Disk:
    """A disk with room for so many bytes; `frees`: after so many failures there is room again."""

    def __init__(self, room: int, frees: int = 10**9, code: int = errno.ENOSPC) -> None:
        self.room, self.frees, self.code, self.refused = room, frees, code, 0

    def open(self, path: Any, mode: str, buffering: int = -1) -> Any:
        file, disk = open(path, mode, buffering=buffering), self  # noqa: SIM115

        class Full:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: Any) -> None:
                file.close()

            def fileno(self) -> int:
                return file.fileno()

            def write(self, data: Any) -> int:
                fits = min(len(data), disk.room)
                if not fits:
                    disk.refused += 1
                    if disk.refused >= disk.frees:
                        disk.room = 10**9
                    raise OSError(disk.code, os.strerror(disk.code))
                disk.room -= fits
                return int(file.write(data[:fits]))

        return Full()


def journal(path: Path) -> SharedJournal:
    return SharedJournal(path)


LINES = [
    [{"op_code": 1, "text": "first"}],
    [{"op_code": 2}, {"op_code": 3}],
    [{"op_code": 4, "text": "last"}],
]


@pytest.mark.parametrize("room", range(0, 75, 4))
def test_what_does_not_fit_leaves_nothing_behind(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    backend = journal(path)
    disk = Disk(room)
    monkeypatch.setattr("optimerge.records.shared_journal.open", disk.open, raising=False)
    kept = []
    for lines in LINES:
        try:
            backend.append_logs(lines)
            kept += lines
        except OSError:
            disk.room = 0
    assert list(journal(path).read_logs(0)) == kept
    disk.room = 10**9
    backend.append_logs([{"op_code": 5}])
    assert list(journal(path).read_logs(0)) == [*kept, {"op_code": 5}]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_it_waits_and_goes_on_when_there_is_room(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    storage = optuna.storages.JournalStorage(journal(tmp_path / "journal"))
    study = optuna.create_study(storage=storage)
    disk = Disk(30, frees=4, code=code)
    monkeypatch.setattr("optimerge.records.shared_journal.open", disk.open, raising=False)
    with waiting_for_room(said.append, lambda: False):
        study.set_user_attr("a long enough key", "a long enough value")
    assert disk.refused == 4
    assert len(said) == 2
    assert "journal: cannot be written, the disk is full; make room there" in said[0]
    assert "the search goes on" in said[1]
    again = optuna.load_study(
        study_name=study.study_name,
        storage=optuna.storages.JournalStorage(journal(tmp_path / "journal")),
    )
    assert again.user_attrs == {"a long enough key": "a long enough value"}


def test_it_waits_no_longer_than_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, disk = journal(tmp_path / "journal"), Disk(0)
    monkeypatch.setattr("optimerge.records.shared_journal.open", disk.open, raising=False)
    with pytest.raises(OSError, match="No space left"):
        backend.append_logs(LINES[0])  # nobody said that it should wait
    assert disk.refused == 1
    asked: list[int] = []

    def give_up() -> bool:
        asked.append(1)
        return len(asked) > 7

    with waiting_for_room(lambda _: None, give_up), pytest.raises(KeyboardInterrupt):
        backend.append_logs(LINES[0])
    assert disk.refused >= 3
    with ThreadPoolExecutor(1) as pool, waiting_for_room(lambda _: None, lambda: True):
        told = pool.submit(backend.append_logs, LINES[0])  # a thread's: it interrupts nobody
        with pytest.raises(OSError, match="No space left"):
            told.result()
    with waiting_for_room(lambda _: None, lambda: False), pytest.raises(OSError, match="read-only"):
        patiently(tmp_path, lambda: (_ for _ in ()).throw(OSError(errno.EROFS, "read-only")))


def test_a_file_that_is_written_whole_waits_too(tmp_path: Path) -> None:
    tries: list[int] = []

    def write() -> None:
        with written_whole(tmp_path / "x" / "file.npz") as file:
            file.write(b"half")
            tries.append(1)
            if len(tries) < 3:
                raise OSError(errno.ENOSPC, "full")
            file.write(b" and half")

    with pytest.raises(RunError, match="make room there"):
        patiently(tmp_path, write)
    said: list[str] = []
    with waiting_for_room(said.append, lambda: False):
        patiently(tmp_path, write)
    assert (tmp_path / "x" / "file.npz").read_bytes() == b"half and half"
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["file.npz"]
    assert len(said) == 2


def test_two_threads_that_wait_say_it_once(tmp_path: Path) -> None:
    said: list[str] = []
    full = [True]
    refused: set[int] = set()

    def write() -> None:
        if full[0]:
            refused.add(threading.get_ident())
            raise OSError(errno.ENOSPC, "full")

    def work() -> None:
        patiently(tmp_path, write)

    with waiting_for_room(said.append, lambda: False):
        threads = [threading.Thread(target=work) for _ in range(2)]
        for each in threads:
            each.start()
        while len(refused) < 2:
            threading.Event().wait(0.01)
        full[0] = False
        for each in threads:
            each.join()
    assert len(said) == 2


def test_no_log_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    class FullHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                raise OSError(errno.ENOSPC, "full")
            except OSError:
                self.handleError(record)

    handler = FullHandler()
    record = logging.LogRecord("x", logging.INFO, "x", 1, "text", None, None)
    with waiting_for_room(lambda _: None, lambda: False):
        handler.handle(record)
    assert capsys.readouterr().err == ""
    handler.handle(record)
    assert "Logging error" in capsys.readouterr().err
