"""One thing scored gives the numbers of the search, and of the test items, to the last bit."""

import csv
import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import yaml
from scored_whole import score_all

import optimerge
from optimerge.cli.main import run
from optimerge.cli.quiet import quiet
from optimerge.errors import CheckpointError, OptimergeError, RunError
from optimerge.objectives.local import Way
from optimerge.objectives.make import make_objectives
from optimerge.objectives.protocol import Candidate
from optimerge.records.run import Run, open_run
from optimerge.records.types import Trial
from optimerge.retest.score_one import Scored, score_one
from optimerge.search.session import open_session
from optimerge.space.read import read_space

OBJECTIVES = [
    {"task": "echo", "search_items": 30, "test_items": 10},
    {"task": "echo", "name": "sure", "metric": "brier_score", "search_items": 30, "test_items": 10},
    {"sparsity": "nonzero"},
    {"sparsity": "l2", "optimize": False},
    {"drift": "prompts.txt", "name": "forgets", "optimize": False},
    {"drift": "prompts.txt", "name": "red_forgets", "to": "red", "optimize": False},
]
"""One whose value is continuous, so that batches show in its last bits; two that look at parents."""


@pytest.fixture(scope="module")
def road(made_family: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Search the family, export a trial, build it: run/, recipe.yaml, out/, space.yaml."""
    import shutil

    folder = tmp_path_factory.mktemp("one")
    shutil.copytree(made_family, folder, dirs_exist_ok=True)
    (folder / "prompts.txt").write_text("w1 w2 = w3\nw4 w5\n")
    task = folder / "tasks" / "echo.yaml"
    task.write_text(task.read_text().replace(
        "metadata:", "  - {metric: brier_score, aggregation: brier_score, higher_is_better: false}\nmetadata:"
    ))  # fmt: skip
    space = yaml.safe_load((folder / "space.yaml").read_text())
    space["objectives"] = OBJECTIVES
    (folder / "space.yaml").write_text(yaml.safe_dump(space))
    for command in (
        ["search", folder / "space.yaml", "--run-dir", folder / "run", "--trials", 7],
        ["export", folder / "run", "--trial", 3, "-o", folder / "recipe.yaml"],
        ["build", folder / "recipe.yaml", folder / "out"],
    ):
        assert run([str(part) for part in command]) == 0
    return folder


def trial(road: Path) -> Trial:
    return next(t for t in open_run(road / "run").trials() if t.number == 3)


def scored(road: Path, subject: Path, items: str = "search", plan: str | None = None) -> Scored:
    known = open_run(road / "run").info.plan if plan is None else plan
    with quiet(scoring=True):
        return score_one(subject, read_space(road / "space.yaml"), items=items, plan=known)  # type: ignore[arg-type]


def plain(found: Scored) -> dict[str, tuple[float, float | None, int]]:
    return {name: (s.value, s.stderr, s.items) for name, s in found.scores.items()}


@pytest.mark.parametrize("subject", ["out", "recipe.yaml"])
def test_the_scores_are_those_of_the_trial_bit_for_bit(road: Path, subject: str) -> None:
    found = scored(road, road / subject)
    wanted = {name: (s.value, s.stderr, s.items) for name, s in trial(road).scores.items()}
    l2 = plain(found).pop("l2")[0]
    assert l2 == pytest.approx(wanted["l2"][0], rel=1e-6)  # a sum in another order
    for name in wanted.keys() - {"l2"}:
        assert plain(found)[name] == wanted[name], name
    assert list(found.scores) == [*wanted]
    assert found.plan == open_run(road / "run").info.plan


def test_without_the_runs_plan_the_same_one_is_chosen(road: Path) -> None:
    for subject in ("out", "recipe.yaml"):
        assert plain(scored(road, road / subject, plan="")) == plain(scored(road, road / subject))


@pytest.mark.parametrize("subject", ["out", "recipe.yaml"])
def test_test_items_are_scored_as_a_session_scores_them(road: Path, subject: str) -> None:
    from optimerge.recipe.read import parse_recipe
    from optimerge.recipe.write import with_references

    space = read_space(road / "space.yaml")
    with quiet(scoring=True):
        session = open_session(space, road / "run", device="cpu")
        places = {place: name for name, place in session.models.places.items()}
        recipe = with_references(parse_recipe(trial(road).recipe), places)
        from optimerge.search.tokenizer import load_tokenizer

        objectives = make_objectives(
            space.objectives[:2],
            session.engine.model,
            load_tokenizer(session.models),
            space.include_path,
            space.search.seed,
            items="test",
        )
        stats = session.engine.apply(recipe)
        wanted = score_all(objectives, Candidate(session.engine.model, stats))
    found = plain(scored(road, road / subject, "test", plan=""))
    for name, score in wanted.items():
        assert found[name] == (score.value, score.stderr, 10)


def test_the_plan_decides_the_batches(road: Path) -> None:
    text = "level, 64 tokens, 4096 logits and 512 kept tokens a batch"
    assert scored(road, road / "out", plan=text).plan == text
    assert str(Way.parse(text)) == text
    for other in ("", "fast, 1 tokens, 1 logits and 1 kept tokens a batch", text + "x"):
        assert Way.parse(other) is None


def test_a_parent_scores_as_it_did_in_the_run(road: Path) -> None:
    found = scored(road, road / "red")
    red = next(t for t in open_run(road / "run").trials() if t.name == "red")
    for name in ("echo", "sure", "nonzero", "forgets", "red_forgets"):
        if name in red.scores:
            assert found.scores[name].value == red.scores[name].value, name
    assert found.scores["red_forgets"].value == 0
    assert found.scores["forgets"].value > 0


def test_what_has_another_shape_is_scored_but_for_sparsity(road: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(road / "red", num_hidden_layers=2)
    model.save_pretrained(tmp_path / "short")
    AutoTokenizer.from_pretrained(road / "red").save_pretrained(tmp_path / "short")
    found = scored(road, tmp_path / "short")
    assert found.unscored.keys() == {"nonzero", "l2"}
    assert "layers.2" in found.unscored["nonzero"]
    assert found.scores["echo"].items == 30


def test_pickled_weights_are_not_loaded(road: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(road / "red", tmp_path / "old")
    (tmp_path / "old" / "model.safetensors").rename(tmp_path / "old" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="safetensors"):
        scored(road, tmp_path / "old")


def test_the_api_takes_a_run_and_refuses_other_items(road: Path) -> None:
    opened = optimerge.load_run(road / "run")
    with quiet(scoring=True):
        found = optimerge.evaluate(road / "out", opened)
    assert found.scores["echo"].value == trial(road).scores["echo"].value
    info = replace(opened.records.info, items={**opened.records.info.items, "echo": "0" * 32})
    kept: Run = replace(opened.records, info=info)
    with quiet(scoring=True), pytest.raises(RunError, match="the items of 'echo'"):
        optimerge.evaluate(road / "out", replace(opened, records=kept))


def test_a_parent_that_the_space_lacks_is_refused(road: Path) -> None:
    data = (road / "space.yaml").read_text().replace("to: red", "to: rad")
    (road / "rad.yaml").write_text(data)
    with pytest.raises(OptimergeError, match="no model 'rad'"):
        score_one(road / "out", read_space(road / "rad.yaml"))


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(["evaluate", *map(str, arguments), "--device", "cpu"])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_finds_the_run_of_a_build(
    road: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "run").symlink_to(road / "run")
    code, out, err = evaluated(capsys, road / "out")
    assert (code, out) == (2, "")
    assert "nothing says what to score it on; give --space SPACE or --run RUN" in err
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "scores.json"
    code, out, err = evaluated(capsys, road / "out", "-o", file)
    assert (code, out) == (0, "")
    assert "scored as runs/run does" in err
    found = json.loads(file.read_text())
    assert found["values"]["sure"] == trial(road).scores["sure"].value
    assert found["documents"] == {"echo": 30, "sure": 30, **dict.fromkeys(("nonzero", "l2"), 0), "forgets": 2, "red_forgets": 2}  # fmt: skip


def test_the_command_prints_a_table_with_standard_errors(
    road: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = evaluated(
        capsys, road / "out", "--space", road / "space.yaml", "--items", "test"
    )
    assert code == 0
    assert out.splitlines()[0].split() == ["objective", "test", "score", "±", "items"]
    assert re.search(r"^echo ↑ +0\.\d{3} +0\.\d{3} +10$", out, re.MULTILINE)
    code, out, _ = evaluated(capsys, road / "recipe.yaml", "--run", road / "run", "--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(StringIO(out)))
    assert [row["objective"] for row in rows] == list(trial(road).scores)
    assert float(rows[1]["value"]) == trial(road).scores["sure"].value


def test_the_command_refuses_what_makes_no_sense(
    road: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = ["--space", road / "space.yaml"]
    for arguments, said in (
        ([road / "out", *space, "--run", road / "run"], "give one of the two"),
        ([road / "out", *space, "-o", "x.parquet"], "a file is csv, json or md"),
        ([road / "nowhere", *space], "is no folder"),
        ([road / "nowhere.yaml", *space], "no such file"),
    ):
        code, _, err = evaluated(capsys, *arguments)
        assert code == 2
        assert said in err
