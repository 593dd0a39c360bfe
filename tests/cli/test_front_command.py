"""`optimerge front`: how sure each place is, from evidence, or from a test once there is one."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.samplers import RandomSampler

import optimerge
from optimerge.cli.main import run as command
from optimerge.records.artifacts import artifacts_in
from optimerge.records.attributes import trial_attributes
from optimerge.records.evidence import Evidence, TaskEvidence, write_evidence
from optimerge.records.run import RunInfo, create_run
from optimerge.records.types import Score
from optimerge.retest import tested as retested  # pytest would take `Tested` for tests
from optimerge.retest.tested import Items, Results

OBJECTIVES = {"maths": "maximize", "size": "minimize"}
SPACE = "objectives: [{task: arith, name: maths}, {sparsity: nonzero, name: size}]\n"
ITEMS = 200


def outcomes(right: int) -> np.ndarray:
    return (np.arange(ITEMS) < right).astype(np.uint8)


def made(folder: Path, *, evidence: bool = True) -> Path:
    """A run with a base and three merges: one far above it, one a document above, one below."""
    info = RunInfo(SPACE, "/x/space.yaml", "d", OBJECTIVES, 4, 0, False)  # type: ignore[arg-type]
    run = create_run(folder, info)
    run.search.sampler = RandomSampler(seed=1)
    tell(folder, run.parents, "base", 100, 0.0, evidence=evidence)
    for right, size in ((160, 0.3), (101, 0.2), (80, 0.4)):
        tell(folder, run.search, "sampler", right, size, evidence=evidence)
    run.search.set_user_attr("reference", [-0.3, 1.0])
    run.search.set_user_attr("scales", [0.5, 1.0])
    return folder


def tell(folder: Path, study: Any, origin: str, right: int, size: float, *, evidence: bool) -> None:
    asked, values = study.ask(), outcomes(right)
    asked.suggest_float("a.weight", 0, 1)
    error = float(values.std(ddof=1) / ITEMS**0.5)
    scores = {
        "maths": Score(float(values.mean()), error, ITEMS, "maximize", 1.5),
        "size": Score(size, 0.0, 0, "minimize", 0.0),
    }
    attributes = trial_attributes(origin, "merge_method: linear\n", scores)
    if evidence:
        attributes["evidence"] = f"{study.study_name}-{asked.number:05d}"
        task = TaskEvidence("arith", "d", tuple(range(ITEMS)), {"acc,none": values})
        write_evidence(artifacts_in(folder), attributes["evidence"], Evidence([task]))
    for key, value in attributes.items():
        asked.set_user_attr(key, value)
    study.tell(asked, [scores["maths"].value, size])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("runs") / "mine")


def test_the_front_shows_how_sure_each_place_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["front", str(folder)]) == 0
    shown = capsys.readouterr().out
    head, base = (next(x for x in shown.splitlines() if x.startswith(s)) for s in ("trial", "base"))
    assert head.endswith("P front  P > best parent")
    assert base.rstrip().endswith(">.99")
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if line[:1].isdigit()}
    assert rows["0"][-2:] == [">.99", ">.99"]
    assert 0.4 < float(rows["1"][-1]) < 0.8  # one document of two hundred above the base
    assert "paired bootstrap over the search items" in shown
    assert f"`optimerge test {folder}`" in shown


def test_fast_leaves_the_probabilities_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["front", str(folder), "--fast"]) == 0
    assert "P front" not in capsys.readouterr().out
    assert command(["front", str(folder), "--fast", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["p_front"] for row in rows} == {""}


def test_programs_get_them_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["front", str(folder), "--format", "json"]) == 0
    told = capsys.readouterr()
    found = {each["name"]: each for each in json.loads(told.out)}
    assert found["base"]["p_beats_best_parent"] is None
    assert found["0"]["p_beats_best_parent"] == 1.0
    assert "flattered" in told.err
    known = optimerge.load_run(folder).certainty()
    assert found["1"]["p_front"] == known.on_front["1"]
    assert known.items == "search"
    table = optimerge.load_run(folder).to_pandas(certainty=known)
    assert dict(zip(table["trial"], table["p_front"], strict=True)) == known.on_front


def test_a_run_without_evidence_says_so_and_shows_its_front(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "bare", evidence=False)
    assert command(["front", str(tmp_path / "bare")]) == 0
    shown = capsys.readouterr().out
    assert "P front" not in shown
    assert "note: this run kept no evidence by document" in shown
    assert "0.800" in shown


def test_what_a_test_found_takes_the_place_of_the_search(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the test items trial 0 is no better than the base, and larger."""
    worse, base = outcomes(90).astype(float), outcomes(120).astype(float)
    tested = tuple(
        retested.Tested(
            name,
            "parent" if name == "base" else "merge",
            test={
                "maths": Score(float(values.mean()), 0.03, ITEMS, "maximize", 1.0),
                "size": Score(size, 0.0, 0, "minimize", 0.0),
            },
            test_items={"maths": Items((values,))},
        )
        for name, values, size in (("0", worse, 0.3), ("base", base, 0.0))
    )
    results = Results(OBJECTIVES, {}, tested, (-0.3, 1.0), (0.5, 1.0))  # type: ignore[arg-type]
    run = optimerge.load_run(folder)
    assert run.certainty().items == "search"
    monkeypatch.setattr("optimerge.retest.read.read_results", lambda _: results)
    found = run.certainty()
    assert found.items == "test"
    assert found.on_front["base"] == 1.0
    assert found.on_front["0"] < 0.01
    assert found.beats_parents == {"0": 0.0}
