"""What lies in a run folder while a search runs: little, known by name, and never a checkpoint."""

import fnmatch
import os
import random
import string
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optimerge.cli.main import run
from optimerge.cli.progress import SearchProgress
from optimerge.records.artifacts import artifacts_in
from optimerge.records.evidence import LONGEST_TEXT, Evidence, TaskEvidence, write_evidence
from optimerge.records.run import open_run

KNOWN = (
    *("study.journal", "log.txt", "search.lock", "workers/*.lock", "workers/[0-9]*.txt"),
    *("evidence/items-*.jsonl.gz", "evidence/search-[0-9]*.npz", "evidence/parents-[0-9]*.npz"),
)
PASSING = ("evidence/*.draft", ".write-test-[0-9]*")
"""Opened for a moment, while one of the others is written."""
MEGABYTE = 10**6
_heard: list[list[str]] = []


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what is opened for writing; an audit hook stays for good, so it asks who listens."""
    if event == "open" and _heard and isinstance(arguments[0], str | bytes | os.PathLike):
        flags = arguments[2] or 0
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            _heard[-1].append(os.path.abspath(os.fsdecode(arguments[0])))


@pytest.fixture(scope="module")
def hook() -> None:
    sys.addaudithook(_listen)


@pytest.fixture
def written(hook: None) -> Iterator[list[str]]:
    """What this process opens for writing in a test."""
    _heard.append([])
    yield _heard[-1]
    _heard.clear()


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def unknown(names: set[str], *patterns: str) -> set[str]:
    return {n for n in names if not any(fnmatch.fnmatchcase(n, p) for p in patterns)}


def test_nothing_but_the_known_files_is_written_and_no_checkpoint_anywhere(
    made_family: Path, tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the run folder, the folder for temporary files, the current one, or anywhere."""
    folder, here, temporary = (tmp_path / name for name in ("run", "here", "temporary"))
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    looks, sizes, plain = [0], list[int](), SearchProgress.trial

    def look(self: Any, trial: Any) -> None:
        looks[0] += 1
        sizes.append(sum((folder / name).stat().st_size for name in files(folder)))
        assert not unknown(files(folder), *KNOWN)
        assert not files(here) | files(temporary)
        plain(self, trial)

    monkeypatch.setattr(SearchProgress, "trial", look)
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(folder)]
    assert run([*words, "--trials", "12"]) == 0
    assert looks == [12]
    mine = {Path(p).relative_to(folder).as_posix() for p in written if p.startswith(f"{folder}/")}
    assert mine >= {"study.journal", "search.lock"}
    assert not unknown(mine, *KNOWN, *PASSING)
    elsewhere = [p for p in written if not p.startswith((f"{folder}/", "/dev/", "/proc/"))]
    assert not [p for p in elsewhere if p.endswith((".safetensors", ".bin", ".pt", ".pth"))]
    each = (sizes[-1] - sizes[0]) / 11
    print(f"{each / 1000:.1f} kB a trial of two dimensions each of two experts, 30 documents")
    assert each < MEGABYTE


def test_the_probe_above_sees_what_is_written(tmp_path: Path, written: list[str]) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert str(tmp_path / "model.safetensors") in written
    assert unknown({"study.journal", "evidence/model.safetensors"}, *KNOWN) == {
        "evidence/model.safetensors"
    }


def test_a_trial_with_much_evidence_stays_below_a_megabyte(tmp_path: Path) -> None:
    """Three tasks of 1000 documents and one of 300 answers, longer than is kept, of pure noise."""
    rng = random.Random(0)
    numbers = np.random.default_rng(0)
    tasks = [
        TaskEvidence(
            f"choices{n}", "d", tuple(range(1000)),
            {"acc,none": numbers.integers(0, 2, 1000, np.uint8), "loss,none": numbers.normal(size=1000)},
        )
        for n in range(3)
    ]  # fmt: skip
    noise = {n: "".join(rng.choices(string.printable, k=2 * LONGEST_TEXT)) for n in range(300)}
    answers = {"exact_match,strict": numbers.integers(0, 2, 300, np.uint8)}
    tasks.append(TaskEvidence("answers", "d", tuple(range(300)), answers, noise))
    size = write_evidence(artifacts_in(tmp_path), "search-00000", Evidence(tasks))
    print(f"{size / 1000:.0f} kB of evidence a trial at the most")
    assert 100_000 < size < MEGABYTE


def test_what_the_journal_keeps_of_a_trial_is_small_also_with_hundreds_of_dimensions(
    family: Path, tmp_path: Path
) -> None:
    space = family / "space.yaml"
    wide = "{low: 0.0, high: 1.0, layer_groups: 4, filters: [q_proj, k_proj, v_proj, o_proj, mlp]}"
    space.write_text(space.read_text().replace("{low: 0.0, high: 1.0}", wide))
    folder = tmp_path / "run"
    assert run(["search", str(space), "--run-dir", str(folder), "--trials", "6"]) == 0
    opened = open_run(folder)
    dimensions = max(len(t.params) for t in opened.trials())
    assert dimensions >= 40
    size = sum((folder / name).stat().st_size for name in files(folder)) / 6
    print(f"{size / 1000:.0f} kB a trial of {dimensions} dimensions")
    assert size < MEGABYTE / 4
