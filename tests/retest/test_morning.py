"""The morning after, command by command: test, front, report, export, build, evaluate, card."""

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from retesting import Seen

from optimerge.api.run import load_run
from optimerge.cli.main import run as command
from optimerge.recipe.read import read_recipe


@pytest.fixture
def known(tested: tuple[Path, Seen], tmp_path: Path) -> Path:
    """A run that was wholly tested, of the test's own."""
    return Path(shutil.copytree(tested[0], tmp_path / "known" / "mine"))


def shown(known: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    capsys.readouterr()
    assert command(["test", str(known), "--show", *more]) == 0
    return capsys.readouterr().out


def test_what_was_tested_is_shown_in_every_form(
    known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = load_run(known).verdict()
    data = json.loads(shown(known, capsys, "--format", "json"))
    assert [model["name"] for model in data["models"]] == [line.name for line in verdict.lines]
    assert "The front on the test items" in shown(known, capsys)
    assert data["headline"] in " ".join(shown(known, capsys).split())
    file = tmp_path / "test.md"
    shown(known, capsys, "--format", "md", "-o", str(file))
    assert file.read_text().startswith("**")
    assert command(["test", str(known), "--show", "-o", str(file)]) == 2  # a table to a file


def test_a_run_that_was_not_tested_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["test", str(folder), "--show"]) == 2
    assert f"run `optimerge test {folder}`" in capsys.readouterr().err
    assert load_run(folder).results() is None


def test_the_winner_that_is_built_has_the_scores_of_the_table(
    known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = load_run(known)
    choice = run.choose()
    recipe, out, scores = known / "recipe.yaml", tmp_path / "merged", tmp_path / "scores.json"
    assert command(["export", str(known)]) == 0
    assert command(["build", str(recipe), str(out), "--device", "cpu"]) == 0
    exported = read_recipe(recipe).block
    asked = ["evaluate", str(out), "--run", str(known), "--device", "cpu", "-o", str(scores)]
    for items in ("test", "search"):
        assert command([*asked, "--items", items]) == 0
        found = json.loads(scores.read_text())
        results = run.results()
        assert results is not None
        line = next(t for t in results.tested if t.name == choice.trial.name)
        want = line.test if items == "test" else line.search
        assert found["values"] == {name: score.value for name, score in want.items()}
        told = exported.test_scores if items == "test" else exported.scores
        assert {name: score.value for name, score in told.items()} == found["values"]
    card = ModelCard.load(out / "README.md")
    kept = {r.metric_name or r.metric_type: r.metric_value for r in card.data.eval_results}
    echo = next(t for t in run.results().tested if t.name == choice.trial.name).test["echo"]  # type: ignore[union-attr]
    assert echo.value in kept.values()


def test_front_and_report_tell_what_the_test_found(
    known: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = load_run(known)
    assert run.certainty().items == "test"
    assert load_run(folder).certainty().items == "search"
    run.report(known / "report.html")
    page = (known / "report.html").read_text()
    assert "Search against test" in page
    assert "On items that the search never saw" in page
    untested = load_run(folder)
    untested.report(folder / "report.html")
    assert "Not tested on held-out items" in (folder / "report.html").read_text()
