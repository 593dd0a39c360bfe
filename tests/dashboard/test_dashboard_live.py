"""A dashboard beside a search: new versions, storages that go and come back, nothing written."""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from dashboard_opened import Open
from report_cases import COPY, made, tell

from optimerge.dashboard.app import make_app
from optimerge.dashboard.resource import Asked
from optimerge.dashboard.resources import history, summary
from optimerge.dashboard.resources.table import RESOURCES
from optimerge.dashboard.security import Guard
from optimerge.dashboard.source import Sources
from optimerge.dashboard.warming import warming
from optimerge.errors import RunError
from optimerge.records.lease import WORKER
from optimerge.records.run import RunInfo, create_run, find_in, open_run
from optimerge.records.storage import open_database

SCORES = {"maths": 0.95, "code": 0.95, "nonzero": 0.05}
PATHS = [each.path.replace("{run}", "r0") for each in RESOURCES if "{name}" not in each.path]


def version(client: Any) -> int:
    return int(client.get("/api/runs/r0").json()["version"])


def test_a_new_trial_is_a_new_version_and_nothing_else_is(three: Path, opened: Open) -> None:
    client = opened(three)
    first = version(client)
    for path in ("", "/trials", "/history", "/importance"):
        answer = client.get(f"/api/runs/r0{path}", params={"since": str(first)})
        assert (answer.status_code, answer.content) == (304, b"")
    search = open_run(three)  # another process would see the same
    asked = search.search.ask()
    begun = version(client)
    assert begun != first
    now = client.get("/api/runs/r0").json()["activity"]["now"]
    assert [each["name"] for each in now] == [str(asked.number)]
    asked.set_user_attr(WORKER, "a sign of life")
    assert version(client) == begun
    search.search.tell(asked, list(SCORES.values()))
    assert version(client) not in (first, begun)
    answer = client.get("/api/runs/r0/trials", params={"since": str(begun)})
    columns = answer.json()["trials"]
    assert columns["scores"]["maths"][-1] == 0.95
    assert columns["on_front"][-1] is True


def test_a_storage_that_goes_away_is_said_and_comes_back(three: Path, opened: Open) -> None:
    client = opened(three)
    before = client.get("/api/runs/r0/trials").json()["trials"]
    three.rename(three.with_name("away"))
    answer = client.get("/api/runs/r0/trials")
    assert answer.status_code == 503
    assert str(three) in answer.json()["error"]
    assert client.get("/api/runs").json()["runs"][0]["error"] == answer.json()["error"]
    assert client.get("/api/compare").status_code == 503
    three.with_name("away").rename(three)
    assert client.get("/api/runs/r0/trials").json()["trials"] == before


def test_another_run_in_its_place_is_shown(three: Path, tmp_path: Path, opened: Open) -> None:
    client = opened(three)
    first = version(client)
    made(tmp_path / "other", trials=3, failed=0)
    shutil.rmtree(three)
    (tmp_path / "other").rename(three)
    assert len(client.get("/api/runs/r0/trials").json()["trials"]["name"]) == 5
    assert version(client) != first


def test_a_journal_that_is_no_journal_is_one_sentence(three: Path, opened: Open) -> None:
    client = opened(three)
    (three / "study.journal").write_text("nothing\n")
    answer = client.get("/api/runs/r0")
    assert answer.status_code == 503
    assert "is not a study journal" in answer.json()["error"]


def test_looking_leaves_every_file_as_it_is(three: Path, opened: Open) -> None:
    with (three / "study.journal").open("ab") as file:
        file.write(b'{"op_code": 4, "torn')  # a search would mend that
    before = kept(three)
    client = opened(three)
    for path in (*PATHS, "/api/runs/r0/trials/3", "/api/runs/r0/trials/3/diff/4"):
        assert client.get(path).status_code == 200, path
    client.get("/api/runs/r0/trials/3/items/maths")
    assert kept(three) == before


def kept(folder: Path) -> dict[str, tuple[int, int]]:
    files = [folder, *folder.rglob("*")]
    return {str(f): (f.stat().st_mtime_ns, f.stat().st_size if f.is_file() else 0) for f in files}


@pytest.fixture
def shut() -> Iterator[Callable[[Path], None]]:
    mounted: list[Path] = []

    def do(path: Path) -> None:
        if os.geteuid():
            for each in [*path.rglob("*"), path]:
                each.chmod(0o555 if each.is_dir() else 0o444)
            return
        bound = ["mount", "--bind", str(path), str(path)]
        if subprocess.run(bound, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a file system, or not to be root")
        mounted.append(path)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(path)], check=True)

    yield do
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True)


def test_a_folder_that_cannot_be_written_is_shown(
    three: Path, opened: Open, shut: Callable[[Path], None]
) -> None:
    shut(three)
    client = opened(three)
    for path in PATHS:
        assert client.get(path).status_code == 200, path


def test_a_database_is_read_and_never_made(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs.db"
    url, folder = f"sqlite:///{file}", tmp_path / "mine"
    with pytest.raises(RunError, match="is not there"):
        opened(folder, url=url)
    assert not file.exists()
    info = RunInfo("", "/x/space.yaml", "d", {"maths": "maximize", "code": "maximize", "nonzero": "minimize"}, 4, 0, False)  # fmt: skip
    create_run(folder, info, url)
    client = opened(folder, url=url)
    assert client.get("/api/runs/r0/trials").json()["trials"]["name"] == []
    writer = find_in(open_database(url), folder, url)
    assert writer is not None
    tell(writer, writer.search, "sampler", COPY, SCORES)
    monkeypatch.setattr("optimerge.dashboard.source.FRESH", 0.0)  # else a look holds for a second
    assert client.get("/api/runs/r0/trials").json()["trials"]["scores"]["maths"] == [0.95]
    with pytest.raises(RunError, match="was never started"):
        opened(tmp_path / "unknown", url=url)


def test_a_slow_answer_keeps_nobody_else_waiting(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    whole = summary.history_of

    def slow(*given: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return whole(*given)

    monkeypatch.setattr(summary, "history_of", slow)
    app = make_app(Sources([three]), Guard("127.0.0.1"))

    async def ask() -> None:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            first = asyncio.create_task(client.get("/api/runs/r0"))
            await asyncio.to_thread(begun.wait, 60)
            other = await client.get("/api/runs/r0/trials")
            assert other.status_code == 200
            assert not first.done()
            go_on.set()
            assert (await first).status_code == 200

    asyncio.run(ask())


@pytest.mark.slow
def test_slow_answers_are_made_before_they_are_asked_for(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Sources([three])
    made_ = threading.Event()
    real = history.make

    def make(asked: Asked) -> Any:
        answer = real(asked)
        made_.set()
        return answer

    monkeypatch.setattr(history, "make", make)
    with warming(sources):
        assert made_.wait(60)
    kept = sources.all["r0"].last("history")
    assert kept.version == sources.all["r0"].now().version
    for thread in threading.enumerate():
        if thread.name == "warming":
            thread.join(60)
            assert not thread.is_alive(), "goes on after the answer that it was making"


@pytest.mark.slow
def test_warming_passes_over_a_run_that_is_gone(three: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    made(other, trials=3, failed=0)
    sources = Sources([three, other])
    three.rename(three.with_name("away"))
    with warming(sources):
        for _ in range(600):
            if sources.all["r1"].last("history") is not None:
                break
            time.sleep(0.1)
    assert sources.all["r0"].last("history") is None
    assert sources.all["r1"].last("history") is not None
