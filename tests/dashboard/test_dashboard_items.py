"""Documents won and lost, and comparisons that rest on them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dashboard_opened import Open
from report_cases import COPY, tell

from optimerge.records.artifacts import artifacts_in
from optimerge.records.attributes import trial_attributes
from optimerge.records.evidence import Evidence, TaskEvidence, write_evidence
from optimerge.records.prompts import Item, write_items
from optimerge.records.run import Run, RunInfo, create_run
from optimerge.records.types import Score

RIGHT = {
    "base": [1, 1, 0, 0, 1, 0],
    "merge": [1, 1, 1, 1, 0, 0],
}
DIGEST = "a" * 32


@pytest.fixture
def evidenced(tmp_path: Path) -> Path:
    """A run whose base and merge 0 left evidence, in different orders."""
    directions = {"maths": "maximize", "code": "maximize", "nonzero": "minimize"}
    space = "objectives: [{task: maths}, {task: code}, {sparsity: nonzero}]\n"
    info = RunInfo(space, "/x/space.yaml", "d", directions, 6, 0, False)  # type: ignore[arg-type]
    run = create_run(tmp_path / "mine", info)
    tell(run, run.parents, "expert:red-7b", COPY, {"maths": 0.8, "code": 0.2, "nonzero": 1.0})
    _told(run, run.parents, "base", "base", list(range(6)))
    _told(run, run.search, "sampler", "merge", [5, 4, 3, 2, 1, 0])
    items = {n: Item(f"<b>question {n}</b>", ("yes", "no")) for n in range(6)}
    write_items(artifacts_in(run.folder), DIGEST, items)
    return tmp_path / "mine"


def _told(run: Run, study: Any, origin: str, name: str, order: list[int]) -> None:
    right = np.array([RIGHT[name][n] for n in order], dtype=np.uint8)
    task = TaskEvidence("maths", DIGEST, tuple(order), {"acc,none": right}, {0: f"{name} says"})
    write_evidence(artifacts_in(run.folder), name, Evidence([task]))
    mean = float(right.mean())
    scores = {
        "maths": Score(mean, 0.2, 6, "maximize", 1.0),
        "code": Score(0.5, 0.05, 30, "maximize", 1.0),
        "nonzero": Score(0.5, 0.0, 0, "minimize", 0.0),
    }
    trial = study.ask()
    for key, value in trial_attributes(origin, f"{COPY}# {name}", scores).items():
        trial.set_user_attr(key, value)
    trial.set_user_attr("evidence", name)
    study.tell(trial, [mean, 0.5, 0.5])


def against(client: Any, words: str = "") -> dict[str, Any]:
    path = f"/api/runs/r0/trials/0/items/maths?against=base{words}"
    return dict(client.get(path).json())


def test_documents_are_won_lost_and_shown(evidenced: Path, opened: Open) -> None:
    client = opened(evidenced)
    found = against(client)
    assert (found["task"], found["metric"], found["metrics"]) == ("maths", "acc,none", ["acc,none"])
    assert (found["won"], found["lost"], found["same"], found["total"]) == (2, 1, 3, 6)
    first = found["items"][0]
    assert first["document"] == 0
    assert (first["prompt"], first["choices"]) == ("<b>question 0</b>", ["yes", "no"])
    assert (first["a"], first["b"]) == (1.0, 1.0)
    assert (first["text_a"], first["text_b"]) == ("merge says", "base says")


def test_documents_are_chosen_and_paged(evidenced: Path, opened: Open) -> None:
    client = opened(evidenced)
    won = against(client, "&only=won")
    assert [each["document"] for each in won["items"]] == [2, 3]
    assert [each["document"] for each in against(client, "&only=lost")["items"]] == [4]
    page = against(client, "&offset=4&limit=1")
    assert [each["document"] for each in page["items"]] == [4]
    assert page["total"] == 6
    assert "metric" in against(client, "&metric=f1")["error"]
    # a parent without evidence: nothing is won, and its side is unknown
    other = client.get("/api/runs/r0/trials/0/items/maths?against=red-7b").json()
    assert (other["won"], other["lost"], other["same"]) == (0, 0, 0)
    assert other["items"][0]["b"] is None


def test_a_comparison_is_made_document_by_document(evidenced: Path, opened: Open) -> None:
    found = opened(evidenced).get("/api/runs/r0/trials/0").json()
    assert found["tasks"] == ["maths"]
    known = {c["objective"]: c for c in found["comparisons"] if c["against"] == "base"}
    gaps = np.array(RIGHT["merge"]) - np.array(RIGHT["base"])
    assert known["maths"]["paired"] is True
    assert known["maths"]["difference"] == pytest.approx(gaps.mean())
    assert known["maths"]["stderr"] == pytest.approx(gaps.std(ddof=1) / 6**0.5)
    assert known["maths"]["significant"] is False
    assert known["code"]["paired"] is False


def test_evidence_that_cannot_be_read_is_said(evidenced: Path, opened: Open) -> None:
    (evidenced / "evidence" / "merge.npz").write_bytes(b"broken")
    client = opened(evidenced)
    found = client.get("/api/runs/r0/trials/0").json()
    assert "cannot be read as evidence" in found["note"]
    assert found["scores"]["maths"]["value"] == pytest.approx(4 / 6)
    answer = client.get("/api/runs/r0/trials/0/items/maths")
    assert answer.status_code == 503
