"""A dashboard on a run that a database keeps, and on one behind Optuna's proxy."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard_opened import Open
from report_cases import COPY, made, tell

sys.path.append(str(Path(__file__).parents[1] / "search"))
import postgres
from proxies import NEEDS_GRPC, no_grpc, proxy_of

from optimerge.dashboard.opening import close_seen
from optimerge.dashboard.resources.table import RESOURCES
from optimerge.records.storage import STORAGE_VARIABLE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(postgres.missing(), reason=postgres.NEEDS),
]
SCORES = {"maths": 0.95, "code": 0.95, "nonzero": 0.05}
PATHS = [each.path.replace("{run}", "r0") for each in RESOURCES if "{name}" not in each.path]


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimerge.dashboard.source.FRESH", 0.0)  # else a look holds for a second


def test_a_database_that_stops_is_said_and_comes_back(
    server: postgres.Server, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = tmp_path / "mine", server.database()
    monkeypatch.setenv(STORAGE_VARIABLE, url)
    run = made(folder)
    client = opened(folder)
    for path in (*PATHS, "/api/runs/r0/trials/5", "/api/runs/r0/trials/5/diff/base"):
        assert client.get(path).status_code == 200, path
    before = client.get("/api/runs/r0").json()["version"]
    server.stop()
    try:
        answer = client.get("/api/runs/r0/trials")
        assert answer.status_code == 503
        assert "postgresql+psycopg://" in answer.json()["error"]
        assert "\n" not in answer.json()["error"]
    finally:
        server.start()
    assert client.get("/api/runs/r0").json()["version"] != before
    tell(run, run.search, "sampler", COPY, SCORES)
    trials = client.get("/api/runs/r0/trials").json()["trials"]
    assert trials["scores"]["maths"][-1] == 0.95
    close_seen(run)


@pytest.mark.skipif(no_grpc(), reason=NEEDS_GRPC)
def test_a_run_behind_the_proxy_is_shown_as_it_is(
    server: postgres.Server, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, behind = tmp_path / "mine", server.database()
    monkeypatch.setenv(STORAGE_VARIABLE, behind)
    run = made(folder)
    straight = opened(folder).get("/api/runs/r0/trials").json()
    with proxy_of(behind) as proxy:
        client = opened(folder, url=proxy.url)
        through = client.get("/api/runs/r0/trials").json()
        assert through["trials"] == straight["trials"]
        tell(run, run.search, "sampler", COPY, SCORES)
        scores = client.get("/api/runs/r0/trials").json()["trials"]["scores"]
        assert scores["maths"][-1] == 0.95
        for path in PATHS:
            assert client.get(path).status_code == 200, path
    close_seen(run)
