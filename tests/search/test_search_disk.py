"""A disk that is full ends the search in one sentence, and nothing that was scored is lost."""

import errno
import logging
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optimerge.errors import RunError
from optimerge.records import full_disk
from optimerge.records.artifacts import FOLDER
from optimerge.records.full_disk import waiting_for_room
from optimerge.records.run import open_run


class FullFrom:
    """`numpy.savez_compressed` on a disk that is full from some call on."""

    def __init__(self, number: int) -> None:
        self.calls, self.number, self.save = 0, number, np.savez_compressed

    def __call__(self, file: Any, **arrays: Any) -> None:
        self.calls += 1
        if self.calls >= self.number:
            file.write(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.save(file, **arrays)


@pytest.mark.parametrize("full_from", [2, 6])
def test_a_full_disk_is_said_and_the_trial_is_repeated(
    made_family: Path,
    tmp_path: Path,
    opened: Any,
    searched: Any,
    monkeypatch: pytest.MonkeyPatch,
    full_from: int,
) -> None:
    """Among the parents, and among the merges."""
    wanted = searched(opened(made_family, tmp_path / "whole"), 8)
    folder = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", FullFrom(full_from))
        with pytest.raises(RunError, match=r"No space left on device.*make room there") as caught:
            searched(opened(made_family, folder), 8)
    text = str(caught.value)
    assert re.match(rf"{folder}/{FOLDER}/\S+\.npz: cannot be written", text)
    assert "\n" not in text
    assert open_run(folder).finished() == full_from - 1
    assert not list((folder / FOLDER).glob("*.draft"))
    searched(opened(made_family, folder), 8)
    trials = open_run(folder).trials()
    assert [t.state for t in trials] == ["complete"] * 8
    assert [dict(t.params) for t in trials] == [
        dict(t.params) for t in open_run(tmp_path / "whole").trials()
    ]
    assert len(trials) == len(wanted)


@pytest.mark.parametrize("what", ["ask", "tell"])
def test_a_journal_that_cannot_be_written_is_said_and_the_trial_is_repeated(
    made_family: Path,
    tmp_path: Path,
    opened: Any,
    searched: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    session = opened(made_family, tmp_path)
    backend = type(session.run.search._storage._backend)
    append, told = backend.append_logs, list[int]()

    def full(self: Any, logs: Any) -> None:
        """From the end of the sixth trial that is written, or from what comes after it."""
        ends = sum("state" in each and "trial_id" in each for each in logs)
        if len(told) >= 6 - (what == "tell") and (what == "ask" or ends):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(self, logs)
        told.extend([1] * ends)

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(backend, "append_logs", full)
        with pytest.raises(RunError, match=rf"{tmp_path}: cannot be written \(No space left"):
            searched(session, 8)
    assert 3 <= open_run(tmp_path).finished() < 8
    searched(opened(made_family, tmp_path), 8)
    assert [t.state for t in open_run(tmp_path).trials()] == ["complete"] * 8


def test_a_search_waits_for_room_and_comes_to_the_same(
    made_family: Path,
    tmp_path: Path,
    opened: Any,
    searched: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    searched(opened(made_family, tmp_path / "whole"), 8)
    full = FullFrom(5)
    monkeypatch.setattr(full_disk, "EVERY", 0.0)

    def save(file: Any, **arrays: Any) -> None:
        if full.calls == 8:  # somebody makes room
            full.number = 10**6
        full(file, **arrays)

    monkeypatch.setattr(np, "savez_compressed", save)
    with waiting_for_room(said.append, lambda: False):
        searched(opened(made_family, tmp_path / "waits"), 8)
    assert len(said) == 2
    waited, whole = (open_run(tmp_path / name).trials() for name in ("waits", "whole"))
    assert [t.state for t in waited] == ["complete"] * 8
    assert [(t.params, t.scores["echo"].value) for t in waited] == [
        (t.params, t.scores["echo"].value) for t in whole
    ]


def test_who_stops_while_it_waits_finds_the_trial_repeated_later(
    made_family: Path,
    tmp_path: Path,
    opened: Any,
    searched: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is an interrupt, exit code 130, and no error of the user's."""
    searched(opened(made_family, tmp_path / "whole"), 8)
    stopped: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", FullFrom(6))
        with (
            waiting_for_room(stopped.append, lambda: bool(stopped)),
            pytest.raises(KeyboardInterrupt),
        ):
            searched(opened(made_family, tmp_path / "cut"), 8)
    assert open_run(tmp_path / "cut").finished() == 5
    searched(opened(made_family, tmp_path / "cut"), 8)
    cut, whole = (open_run(tmp_path / name).trials() for name in ("cut", "whole"))
    assert [(t.params, t.state) for t in cut] == [(t.params, t.state) for t in whole]
