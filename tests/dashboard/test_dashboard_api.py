"""Every address of the API, on runs of every kind."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from dashboard_kinds import all_failed, empty, finished, running, single, six
from dashboard_opened import Open
from report_cases import made

from optimerge.cli.main import run as command
from optimerge.dashboard.resources.table import RESOURCES
from optimerge.records.run import open_run

OF_RUNS = [each for each in RESOURCES if "{name}" not in each.path]


KINDS = [empty, running, finished, all_failed, single, six]


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
def test_every_address_answers_what_it_promises(kind: Any, tmp_path: Path, opened: Open) -> None:
    kind(tmp_path / "mine")
    client = opened(tmp_path / "mine")
    for each in OF_RUNS:
        answer = client.get(each.path.replace("{run}", "r0"))
        assert answer.status_code == 200, (each.path, answer.text)
        each.answer.model_validate_json(answer.content)
    trials = client.get("/api/runs/r0/trials").json()["trials"]
    lengths = {len(v) for v in trials.values() if isinstance(v, list)}
    lengths |= {len(v) for kept in trials.values() if isinstance(kept, dict) for v in kept.values()}
    assert lengths == {len(trials["name"])}
    for name in trials["name"][:3]:
        for path in ("", f"/diff/{trials['name'][-1]}"):
            answer = client.get(f"/api/runs/r0/trials/{name}{path}")
            assert answer.status_code == 200, answer.text


def test_what_is_not_known_is_null_and_never_nan(tmp_path: Path, opened: Open) -> None:
    empty(tmp_path / "mine")
    client = opened(tmp_path / "mine")
    summary = client.get("/api/runs/r0").json()
    assert summary["hypervolume"] is None
    assert summary["reference"] is None
    assert summary["activity"]["running"] is False
    assert "choose" not in client.get("/api/runs/r0/choose").json()
    assert "nothing to pick" in client.get("/api/runs/r0/choose").json()["error"]


def test_the_columns_are_the_trials_of_the_run(three: Path, opened: Open) -> None:
    columns = opened(three).get("/api/runs/r0/trials").json()["trials"]
    run = open_run(three)
    trials = run.trials()
    assert columns["name"] == [t.name for t in trials]
    assert columns["state"] == [t.state for t in trials]
    maths = [t.scores["maths"].value if "maths" in t.scores else None for t in trials]
    assert columns["scores"]["maths"] == maths
    assert columns["stderr"]["nonzero"] == [None] * len(trials)
    assert [e for e in columns["error"] if e] == ["<script>alert(1)</script> & out of memory"] * 2
    assert columns["feasible"][-1] is None
    from optimerge.front.front import make_front

    front = make_front(trials, run.info.objectives, run.reference, run.scales)
    members = {t.name for t in front.members}
    assert {n for n, on in zip(columns["name"], columns["on_front"], strict=True) if on} == members
    assert all(re.fullmatch(r".+(Z|[+-]\d\d:\d\d)", each) for each in columns["ended"])


def test_the_history_is_that_of_the_run(three: Path, opened: Open) -> None:
    client = opened(three)
    found = client.get("/api/runs/r0/history").json()
    from optimerge.api.run import load_run

    history = load_run(three).history()
    assert found["hypervolume"] == pytest.approx(list(history.hypervolume))
    assert found["best"]["maths"] == sorted(found["best"]["maths"])
    assert client.get("/api/runs/r0").json()["hypervolume"] == found["hypervolume"][-1]


def test_a_trial_is_exported_as_the_command_does(
    three: Path, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    found = opened(three).get("/api/runs/r0/trials/7").json()
    assert command(["export", str(three), "--trial", "7", "-o", "-"]) == 0
    assert found["exported"] == capsys.readouterr().out
    assert found["commands"]["export"] == f"optimerge export {three} --trial 7 -o recipe.yaml"
    assert {row["parameter"] for row in found["layers"]} == {"weight", "density"}
    assert all(len(row["values"]) == 6 for row in found["layers"])
    assert {row["model"] for row in found["layers"]} == {"red-7b", "blue-7b"}


def test_a_trial_is_compared_with_every_parent(three: Path, opened: Open) -> None:
    found = opened(three).get("/api/runs/r0/trials/7").json()
    red = {c["objective"]: c for c in found["comparisons"] if c["against"] == "red-7b"}
    mine, theirs = found["scores"], next(p for p in found["parents"] if p["name"] == "red-7b")
    gap = mine["code"]["value"] - theirs["scores"]["code"]["value"]
    assert red["code"]["difference"] == pytest.approx(gap)
    assert red["code"]["stderr"] == pytest.approx(0.02 * 2**0.5)
    assert red["code"]["significant"] is (abs(gap) > 1.96 * 0.02 * 2**0.5)
    size = theirs["scores"]["nonzero"]["value"] - mine["nonzero"]["value"]
    assert red["nonzero"]["difference"] == pytest.approx(size)  # smaller is better
    assert red["nonzero"]["significant"] is None  # nothing is known of its error


def test_a_failed_trial_says_why_and_is_not_exported(three: Path, opened: Open) -> None:
    found = opened(three).get("/api/runs/r0/trials/29").json()
    assert (found["state"], found["exported"], found["comparisons"]) == ("failed", "", [])
    assert "<script>" in found["error"]
    assert found["commands"] == {"export": "", "build": ""}


def test_two_trials_differ_in_what_they_differ_in(three: Path, opened: Open) -> None:
    client = opened(three)
    found = client.get("/api/runs/r0/trials/3/diff/4").json()
    params = {each["name"]: (each["a"], each["b"]) for each in found["params"]}
    assert params["merge_method"] == ("linear", "dare_ties")
    assert found["recipe"].startswith("--- trial 3\n+++ trial 4\n")
    assert client.get("/api/runs/r0/trials/3/diff/3").json() == {"params": [], "recipe": ""}


def test_a_choice_is_that_of_the_command(three: Path, opened: Open) -> None:
    client = opened(three)
    from optimerge.api.run import load_run

    for how in ("knee", "best:code", "weights:maths=2,code=1"):
        choice = load_run(three).choose(how, at_least={"code": 0.5})
        params = {"how": how, "at_least": "code:0.5"}
        found = client.get("/api/runs/r0/choose", params=params).json()
        assert (found["trial"], found["reason"]) == (choice.trial.name, choice.reason)
    wish = client.get("/api/runs/r0/choose?at_least=code=2").json()
    assert wish["trial"] is None
    assert "code" in wish["error"]


def test_importance_says_shares_or_why_not(three: Path, tmp_path: Path, opened: Open) -> None:
    running(tmp_path / "few")
    client = opened(three, tmp_path / "few")
    known = client.get("/api/runs/r0/importance").json()["objectives"]
    assert known["maths"]["weights"][0]["parameter"].startswith("red-7b.weight")
    assert known["maths"]["parents"][0]["name"] == "red-7b"
    assert len(known["maths"]["layers"]) == 6
    few = client.get("/api/runs/r1/importance").json()["objectives"]["maths"]
    assert few["weights"] == []
    assert "needs 20 complete trials" in few["reason"]


def test_runs_are_compared_only_with_their_like(three: Path, tmp_path: Path, opened: Open) -> None:
    made(tmp_path / "again", trials=5)
    single(tmp_path / "one")
    client = opened(three, tmp_path / "again", tmp_path / "one")
    two = client.get("/api/compare?runs=r0,r1").json()
    assert [run["name"] for run in two["runs"]] == ["mine", "again"]
    assert two["same_corner"] is True
    assert len(two["runs"][1]["history"]["trial"]) == 7
    unlike = client.get("/api/compare?runs=r0,r2").json()
    assert unlike["runs"] == []
    assert unlike["error"].startswith("run one has other objectives (maths) than mine")
    assert [run["id"] for run in client.get("/api/runs").json()["runs"]] == ["r0", "r1", "r2"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/runs/r9", 404),
        ("/api/runs/r0/trials/999", 404),
        ("/api/runs/r0/trials/3/items/maths", 404),
        ("/api/runs/r0/trials/3/items/maths?only=odd", 400),
        ("/api/runs/r0/trials/3/items/maths?offset=-1", 400),
        ("/api/runs/r0/trials/3/items/maths?offset=%C2%B2", 400),
        ("/api/runs/r0/importance?method=guess", 400),
        ("/api/nothing", 404),
    ],
)
def test_what_is_wrong_is_one_sentence(path: str, status: int, three: Path, opened: Open) -> None:
    answer = opened(three).get(path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert "\n" not in answer.json()["error"]


def test_the_description_is_of_every_address(three: Path, opened: Open) -> None:
    found = opened(three).get("/api/openapi.json").json()
    assert set(found["paths"]) == {each.path for each in RESOURCES}
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(found)))
    assert named <= set(found["components"]["schemas"])
    columns = found["components"]["schemas"]["runs_run_trials.Columns"]["properties"]
    assert {"name", "on_front", "scores", "params"} <= set(columns)
