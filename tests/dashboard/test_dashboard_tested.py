"""Without a browser: a run that was really searched and tested says what the commands print."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from dashboard_opened import Open

from optimerge.api.run import load_run
from optimerge.cli.main import run as command

OBJECTIVES = {"echo": "maximize", "loss": "minimize", "nonzero": "minimize"}


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    capsys.readouterr()
    assert command([*map(str, words), "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def first(run: Any) -> str:
    """The first merge of the front."""
    return str(next(each.name for each in run.front().members if not each.is_parent))


@pytest.fixture
def client(real: Path, opened: Open) -> Any:
    return opened(real)


def test_it_is_said_to_be_tested(client: Any, real: Path) -> None:
    found = client.get("/api/runs/r0").json()
    assert (found["tested"], found["name"], found["finished"]) == (True, "over night", 24)
    assert {each["name"]: each["task"] for each in found["objectives"]} == {
        "echo": True,
        "loss": True,
        "nonzero": False,
    }


def test_the_verdict_is_that_of_the_command(
    client: Any, real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client.get("/api/runs/r0/verdict").json() == printed(capsys, "test", real, "--show")


def test_certainty_is_that_of_the_front_s_table(
    client: Any, real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = client.get("/api/runs/r0/certainty").json()
    assert found["items"] == "test"
    members = printed(capsys, "front", real)
    assert members
    for member in members:
        assert found["p_front"][member["name"]] == member["p_front"]
        assert found["p_beats"].get(member["name"]) == member["p_beats_best_parent"]
    again = client.get(f"/api/runs/r0/certainty?since={found['version']}")
    assert (again.status_code, again.content) == (304, b"")


def test_columns_hold_the_test_scores_of_what_was_tested(
    client: Any, real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = printed(capsys, "test", real, "--show")["models"]
    tested = {m["name"]: m["test"] for m in models if m["kind"] in ("merge", "parent")}
    columns = client.get("/api/runs/r0/trials").json()
    trials = columns["trials"]
    assert {n for n, on in zip(trials["name"], trials["tested"], strict=True) if on} == set(tested)
    for at, name in enumerate(trials["name"]):
        for objective in OBJECTIVES:
            score = tested.get(name, {}).get(objective)
            want = (score["value"], score["stderr"]) if score else (None, None)
            assert (trials["test"][objective][at], trials["test_stderr"][objective][at]) == want
    others = {m["name"]: m for m in models if m["kind"] in ("baseline", "ensemble")}
    assert {each["name"] for each in columns["baselines"]} == set(others)
    for each in columns["baselines"]:
        assert each["kind"] == others[each["name"]]["kind"]
        for which in ("search", "test"):
            values = {n: s["value"] for n, s in others[each["name"]][which].items()}
            assert {n: v for n, v in each[which].items() if v is not None} == values


def test_the_best_baseline_has_the_best_mean_in_units_of_the_parents_range(
    client: Any, real: Path
) -> None:
    kept = load_run(real)
    results = kept.results()
    assert results is not None
    scales = kept.records.scales
    assert scales is not None

    def mean(each: Any) -> float:
        signs = {n: -1.0 if d == "maximize" else 1.0 for n, d in OBJECTIVES.items()}
        parts = [
            signs[n] * each.search[n].value / s for n, s in zip(OBJECTIVES, scales, strict=True)
        ]
        return math.fsum(parts)

    best = min((each for each in results.tested if each.kind == "baseline"), key=mean)
    name = first(kept)
    found = client.get(f"/api/runs/r0/trials/{name}").json()
    assert found["best_baseline"]["name"] == best.name
    assert found["best_baseline"]["test"]["echo"]["value"] == best.test["echo"].value
    own = next(t for t in results.tested if t.kind == "merge" and t.name == name)
    assert found["test"]["echo"]["value"] == own.test["echo"].value


@pytest.mark.parametrize("which", ["search", "test"])
def test_comparisons_are_paired_on_the_items_they_name(which: str, client: Any, real: Path) -> None:
    results = load_run(real).results()
    assert results is not None
    name = first(load_run(real))
    models = {t.name: t for t in results.tested if t.kind != "merge"}
    own = next(t for t in results.tested if t.kind == "merge" and t.name == name)
    found = client.get(f"/api/runs/r0/trials/{name}").json()
    best = found["best_baseline"]["name"]
    some = [c for c in found["comparisons"] if c["items"] == which]
    assert {c["against"] for c in some} == {"base", "red", "blue", best}
    assert {c["objective"] for c in some} == set(OBJECTIVES)
    for each in some:
        mine = getattr(own, which)[each["objective"]]
        theirs = getattr(models[each["against"]], which)[each["objective"]]
        gain = (
            mine.value - theirs.value if each["objective"] == "echo" else theirs.value - mine.value
        )
        assert each["difference"] == pytest.approx(gain)
        assert each["kind"] == ("baseline" if each["against"] == best else "parent")
        if each["objective"] == "nonzero":
            assert (each["stderr"], each["significant"]) == (0.0, gain != 0)
            continue
        assert each["significant"] is (abs(gain) > 1.96 * each["stderr"])
        if each["paired"] and each["objective"] == "echo":
            one = getattr(own, f"{which}_items")[each["objective"]].values[0]
            other = getattr(models[each["against"]], f"{which}_items")[each["objective"]].values[0]
            gaps = one - other
            assert each["stderr"] == pytest.approx(gaps.std(ddof=1) / len(gaps) ** 0.5)
    paired = {(c["objective"], c["against"]) for c in some if c["paired"]}
    assert paired >= {("echo", "base"), ("echo", "red"), ("echo", "blue")}
    assert (("echo", best) in paired) is (which == "test")  # a search leaves no evidence of it


def test_what_is_won_depends_on_the_metric_s_direction(client: Any, real: Path) -> None:
    name = first(load_run(real))
    address = f"/api/runs/r0/trials/{name}/items/echo?against=red&only=won&limit=200&metric="
    known = client.get(address.removesuffix("&metric=")).json()
    assert known["metric"] == "acc,none"
    assert "log_loss,none" in known["metrics"]
    up, down = (client.get(f"{address}{metric}").json() for metric in ("acc,none", "log_loss,none"))
    assert up["won"]
    assert all(each["a"] > each["b"] for each in up["items"])
    assert down["won"]
    assert all(each["a"] < each["b"] for each in down["items"])
    assert down["won"] + down["lost"] + down["same"] == 30
