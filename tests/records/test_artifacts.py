"""Evidence in another place: whole or not at all, waits for a store that is away, is never unpickled."""

import io
import pickle
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from optimerge.errors import RunError
from optimerge.records import artifacts as module
from optimerge.records.artifacts import Artifacts
from optimerge.records.evidence import Evidence, TaskEvidence, read_evidence, write_evidence
from optimerge.records.full_disk import waiting_for_room
from optimerge.records.prompts import Item, read_items, write_items
from optimerge.records.stores import InFolder, InUrl, StoreError, open_store

URL = "memory://evidence/run-0"


@pytest.fixture
def memory() -> Any:
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AWAY", 0.05)
    monkeypatch.setattr(module, "PAUSE", 0.01)


def some(count: int = 4) -> Evidence:
    values = {"acc,none": np.arange(count, dtype=np.uint8)}
    return Evidence([TaskEvidence("add", "ab12", tuple(range(count)), values, {1: "said"})])


def values_of(found: Evidence | None) -> list[int]:
    assert found is not None
    return [int(v) for v in found.tasks[0].values["acc,none"]]


class Failing:
    """A store that fails as long as it is told to; counts what it is asked."""

    def __init__(self, times: float, inner: InUrl) -> None:
        self.left, self.inner, self.where, self.asked = times, inner, inner.where, 0

    def _fail(self) -> None:
        self.asked += 1
        self.left -= 1
        if self.left >= 0:
            raise StoreError(f"{self.where}: cannot be written (ConnectionError: no route)")

    def write(self, name: str, fill: Any) -> int:
        self._fail()
        return self.inner.write(name, fill)

    def read(self, name: str, most: int) -> bytes | None:
        self._fail()
        return self.inner.read(name, most)

    def has(self, name: str) -> bool:
        self._fail()
        return self.inner.has(name)


@pytest.mark.parametrize("where", ["folder", "file", "memory"])
def test_what_is_written_elsewhere_is_read_and_nothing_stays_here(
    tmp_path: Path, memory: Any, where: str
) -> None:
    (tmp_path / "shared" / "run-0").mkdir(parents=True)
    url = {"folder": f"{tmp_path}/shared/run-0", "file": f"file://{tmp_path}/shared/run-0"}
    kept = Artifacts(InFolder(tmp_path / "here"), open_store(url.get(where, URL)))
    kept.check()
    assert write_evidence(kept, "search-00003", some()) > 0
    write_items(kept, "ab12", {3: Item("Q", ["a", "b"])})
    write_items(kept, "ab12", {})
    others = Artifacts(InFolder(tmp_path / "there"), open_store(url.get(where, URL)))
    assert values_of(read_evidence(others, "search-00003")) == [0, 1, 2, 3]
    assert read_items(others, "ab12") == {3: Item("Q", ["a", "b"])}
    assert read_evidence(others, "search-00004") is None
    assert not (tmp_path / "here").exists()
    if where == "memory":
        names = {path.rpartition("/")[2] for path in memory.find("/evidence/run-0")}
    else:
        names = {file.name for file in (tmp_path / "shared" / "run-0").iterdir()}
    assert names == {"_run.txt", "search-00003.npz", "items-ab12.jsonl.gz"}


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x\n", "..", "/etc/passwd"])
def test_a_name_leads_nowhere_else(tmp_path: Path, memory: Any, name: str) -> None:
    for kept in (Artifacts(InFolder(tmp_path)), Artifacts(InFolder(tmp_path), InUrl(URL))):
        with pytest.raises(RunError, match="is no name of a file there"):
            write_evidence(kept, name, some())
        with pytest.raises(RunError, match="is no name of a file there"):
            read_evidence(kept, name)
    assert memory.store == {}


class Telltale:
    def __reduce__(self) -> Any:
        return (open, ("/nonexistent/unpickled", "w"))


def test_nothing_that_is_read_is_unpickled_or_unpacked_without_end(
    tmp_path: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = InUrl(URL)
    kept = Artifacts(InFolder(tmp_path), store)
    file = io.BytesIO()
    np.savez(file, header=np.array([Telltale()], dtype=object))
    for content in (file.getvalue(), pickle.dumps(Telltale()), b"spoilt"):
        store.write("x.npz", lambda whole, content=content: whole.write(content))
        with pytest.raises(RunError, match=r"memory://evidence/run-0/x\.npz: cannot be read as"):
            read_evidence(kept, "x")
    monkeypatch.setattr("optimerge.records.evidence.MOST_BYTES", 100)
    store.write("x.npz", lambda whole: whole.write(b"0" * 101))
    with pytest.raises(RunError, match="more than 100 bytes"):
        read_evidence(kept, "x")


def test_a_store_that_is_away_for_a_moment_is_waited_for(
    tmp_path: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    said: list[str] = []
    kept = Artifacts(InFolder(tmp_path), Failing(3, InUrl(URL)))
    with waiting_for_room(said.append, lambda: False):
        write_evidence(kept, "search-00000", some())
    assert len(said) == 1
    assert "no route); trying again" in said[0]
    assert (kept.late("search-00000.npz"), kept.waiting()) == ("", [])
    assert values_of(read_evidence(Artifacts(InFolder(tmp_path / "x"), InUrl(URL)), "search-00000"))


def test_what_a_store_does_not_take_waits_here_is_recorded_and_brought_later(
    tmp_path: Path, memory: Any, quick: None
) -> None:
    said: list[str] = []
    failing = Failing(10**9, InUrl(URL))
    kept = Artifacts(InFolder(tmp_path / "here"), failing)
    with waiting_for_room(said.append, lambda: False):
        write_evidence(kept, "search-00000", some(2))
        assert failing.asked > 2
        asked = failing.asked
        write_evidence(kept, "search-00001", some(3))
        assert failing.asked == asked + 1  # nobody waits for it twice
        assert "no route" in kept.late("search-00001.npz")
        assert str(tmp_path / "here") in kept.late("search-00001.npz")
        assert kept.waiting() == ["search-00000.npz", "search-00001.npz"]
        assert values_of(read_evidence(kept, "search-00001")) == [0, 1, 2]  # from here
        assert kept.bring() == 2
        failing.left = 0
        write_evidence(kept, "search-00002", some(4))
    assert kept.waiting() == []
    assert len(said) == 3
    assert "is brought there later" in said[1]
    assert said[2] == f"{URL}: is back"
    other = Artifacts(InFolder(tmp_path / "there"), InUrl(URL))
    for number in range(3):
        assert values_of(read_evidence(other, f"search-{number:05d}")) == list(range(2 + number))


def test_whoever_stops_the_search_does_not_wait_and_loses_nothing(
    tmp_path: Path, memory: Any
) -> None:
    kept = Artifacts(InFolder(tmp_path), Failing(10**9, InUrl(URL)))
    with waiting_for_room(lambda text: None, lambda: True):
        write_evidence(kept, "search-00000", some())  # else for a minute
    assert kept.waiting() == ["search-00000.npz"]
    later = Artifacts(InFolder(tmp_path), InUrl(URL))
    assert later.bring() == 0
    assert values_of(read_evidence(Artifacts(InFolder(tmp_path / "x"), InUrl(URL)), "search-00000"))


def test_only_what_a_run_writes_is_brought(tmp_path: Path, memory: Any) -> None:
    secret = tmp_path / "secret.npz"
    secret.write_bytes(b"of somebody else")
    here = tmp_path / "here"
    here.mkdir()
    (here / "search-00000.npz").symlink_to(secret)
    (here / "search-00001.1.draft").write_bytes(b"half")
    (here / "search-00002.npz").write_bytes(b"ours")
    kept = Artifacts(InFolder(here), InUrl(URL))
    assert kept.bring() == 0
    assert [path.rpartition("/")[2] for path in memory.store] == ["search-00002.npz"]


def test_a_folder_that_is_gone_is_a_store_that_is_away_and_is_not_made_anew(
    tmp_path: Path, quick: None
) -> None:
    shared = tmp_path / "shared"
    kept = Artifacts(InFolder(tmp_path / "here"), open_store(str(shared / "run-0")))
    with pytest.raises(RunError, match=r"--artifacts .*shared: is no folder; make it, or mount"):
        kept.check()
    shared.mkdir()
    kept.check()
    (shared / "run-0" / "_run.txt").unlink()
    (shared / "run-0").rmdir()
    write_evidence(kept, "search-00000", some())
    assert not (shared / "run-0").exists()
    assert kept.waiting() == ["search-00000.npz"]


def test_on_a_file_server_a_file_has_its_name_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsspec's local files in the stead of a server's: a draft that is renamed, gone if it fails."""
    store = InUrl("sftp://me@there/evidence")
    files = fsspec.filesystem("file")
    store.__dict__["_opened"] = (files, f"{tmp_path}/run")
    for content in (b"first", b"second"):
        store.write("a.npz", lambda file, content=content: file.write(content))
        assert store.read("a.npz", 99) == content
    pipe = files.pipe_file

    def half(path: str, data: bytes) -> None:
        pipe(path, data[:3])
        raise ConnectionResetError("cut off")

    monkeypatch.setattr(files, "pipe_file", half, raising=False)
    with pytest.raises(StoreError, match=r"a\.npz: cannot be written \(ConnectionResetError: cut"):
        store.write("a.npz", lambda file: file.write(b"third"))
    assert store.read("a.npz", 99) == b"second"
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    "url",
    [
        "http://there/x",
        "reference://there/x",
        "simplecache::s3://bucket/x",
        "s3://bucket/x::file:///etc",
        "s3://bucket/x?token=abcdef",
        "python://x",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(RunError, match="is no place that is known; give a folder, s3://") as caught:
        open_store(url)
    assert "abcdef" not in str(caught.value)


def test_a_missing_package_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(RunError) as caught:
        InUrl("s3://bucket/path").has("x")
    assert str(caught.value) == (
        "s3://bucket/path: the package s3fs, which reaches it, is not installed; pip install s3fs"
    )


def test_no_password_is_in_what_a_store_says(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="space or a quote") as caught:
        open_store("sftp://me:sec ret@there/x")
    assert "ret" not in str(caught.value)
    store = InUrl("sftp://me:s3cr3t@there/x")

    class Talkative:
        def __getattr__(self, name: str) -> Any:
            raise OSError("cannot log in as me with s3cr3t at sftp://me:s3cr3t@there/x\nhelp")

    store.__dict__["_opened"] = (Talkative(), "x")
    for ask in (lambda: store.has("a"), lambda: store.read("a", 9)):
        with pytest.raises(StoreError, match=r"log in as me with \*\*\* at") as said:
            ask()
        assert "s3cr3t" not in str(said.value)
        assert "\n" not in str(said.value)
