"""Where a run keeps its evidence: said once, recorded without passwords, found again."""

from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from optimerge.errors import RunError
from optimerge.records.artifact_url import ARTIFACTS_VARIABLE, new_url, open_artifacts
from optimerge.records.evidence import Evidence, TaskEvidence, read_evidence, write_evidence
from optimerge.records.keys import JOURNAL
from optimerge.records.run import Run, RunInfo, create_run, find_run, open_run

INFO = RunInfo("merge_method: ties\n", "space.yaml", "d", {"t": "maximize"}, 2, 0, False)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv(ARTIFACTS_VARIABLE, raising=False)
    monkeypatch.delenv("OPTIMERGE_STORAGE", raising=False)
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield
    files.store.clear()


def keep(run: Run) -> None:
    values = {"acc,none": np.ones(2, np.uint8)}
    write_evidence(
        run.artifacts, "search-00000", Evidence([TaskEvidence("t", "d", (0, 1), values)])
    )


def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/runs.db"


def test_a_run_in_a_database_is_read_from_another_machine_with_its_name_alone(
    tmp_path: Path,
) -> None:
    url = database(tmp_path)
    (tmp_path / "a").mkdir()
    made = create_run(tmp_path / "a" / "mine", INFO, url, "memory://shared/all/")
    keep(made)
    assert made.info.artifacts.startswith("memory://shared/all/mine-")
    for ask in (open_run(tmp_path / "b" / "mine", url), find_run(tmp_path / "c" / "mine", url)):
        assert ask is not None
        assert ask.info.artifacts == made.info.artifacts
        assert read_evidence(ask.artifacts, "search-00000") is not None
    given = open_run(tmp_path / "b" / "mine", url, "memory://shared/all")
    assert read_evidence(given.artifacts, "search-00000") is not None
    with pytest.raises(RunError, match="keeps its evidence in memory://shared/all, since"):
        open_run(tmp_path / "b" / "mine", url, "memory://other")


def test_what_a_journal_names_is_touched_only_where_the_user_names_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(create_run(tmp_path, INFO, "", "memory://shared"))
    found = open_run(tmp_path)  # a front and a recipe can be looked at all the same
    assert (tmp_path / JOURNAL).exists()
    for ask in (
        lambda: read_evidence(found.artifacts, "search-00000"),
        lambda: found.artifacts.reach(),
        lambda: keep(found),
    ):
        with pytest.raises(RunError, match=r"memory://shared, which is used only where you name"):
            ask()
    assert read_evidence(open_run(tmp_path, "", "memory://shared").artifacts, "search-00000")
    monkeypatch.setenv(ARTIFACTS_VARIABLE, "memory://shared/")
    assert read_evidence(open_run(tmp_path).artifacts, "search-00000")
    monkeypatch.setenv(ARTIFACTS_VARIABLE, "memory://elsewhere")
    with pytest.raises(RunError, match="is used only where you name it"):
        read_evidence(open_run(tmp_path).artifacts, "search-00000")


def test_a_run_that_keeps_its_evidence_itself_goes_on_doing_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(tmp_path, INFO)
    with pytest.raises(RunError, match=r"keeps its evidence in .*evidence.*leave --artifacts out"):
        open_run(tmp_path, "", "memory://shared")
    monkeypatch.setenv(ARTIFACTS_VARIABLE, "memory://shared")
    keep(open_run(tmp_path))
    assert (tmp_path / "evidence" / "search-00000.npz").exists()
    assert fsspec.filesystem("memory").store == {}


def test_a_password_is_not_recorded_and_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sftp://me:s3cr3t@there/evidence"
    monkeypatch.setattr("optimerge.records.artifacts.Artifacts.check", lambda self: None)
    url = database(tmp_path)
    run = create_run(tmp_path / "mine", INFO, url, secret)
    assert run.info.artifacts.startswith("sftp://me:***@there/evidence/mine-")
    assert b"s3cr3t" not in (tmp_path / "runs.db").read_bytes()
    with pytest.raises(RunError, match="with its password"):
        read_evidence(open_run(tmp_path / "mine", url).artifacts, "x")
    monkeypatch.setenv(ARTIFACTS_VARIABLE, secret)
    store: Any = open_run(tmp_path / "mine", url).artifacts.store
    assert store._url.startswith(secret + "/mine-")
    assert "s3cr3t" not in store.where


def test_runs_of_one_name_do_not_meet(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "mine", tmp_path / "b" / "mine"
    assert new_url(one, "", "memory://x") != new_url(other, "", "memory://x")
    assert new_url(one, "postgresql://db/runs", "memory://x") == new_url(
        other, "postgresql://db/runs", "memory://x"
    )
    assert new_url(tmp_path / "mein Lauf", "", "memory://x").startswith("memory://x/mein-Lauf-")
    assert new_url(tmp_path / "..x", "", str(tmp_path)).startswith(f"{tmp_path}/x-")
    assert new_url(one, "", "") == ""


def test_a_strangers_name_leads_nowhere_else(tmp_path: Path) -> None:
    for given in ("", "memory://x"):
        with pytest.raises(RunError, match="is no name of a file there"):
            open_artifacts(tmp_path, "", "memory://x/..", given)
    found = open_artifacts(tmp_path, "", "/etc/passwd", "")
    with pytest.raises(RunError, match="only where you name it"):
        found.has("x")
