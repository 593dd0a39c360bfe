"""`optimerge calibrate`, and Fisher and RegMean by it: search, export, build, as a user does."""

import shutil
from contextlib import chdir, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from optimerge.cli.main import run
from optimerge.cli.quiet import quiet
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.write import with_references
from optimerge.records.run import open_run
from optimerge.search.models import open_models
from optimerge.search.session import open_session
from optimerge.search.tiers import needed
from optimerge.space.read import read_space

TEXT = "".join(f"w{i % 20} w{i * 7 % 20} w{i * i % 20} = w{(i + 3) % 20}\n" for i in range(40))


@pytest.fixture(scope="module")
def once(made_family: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Calibrate red and blue; return the family and what was printed."""
    family = tmp_path_factory.mktemp("measured") / "family"
    shutil.copytree(made_family, family)
    (family / "text.txt").write_text(TEXT)
    printed, command = StringIO(), ["calibrate", "red", "blue", "--text", "text.txt"]
    with chdir(family), redirect_stdout(printed):
        assert run([*command, "--documents", "16"]) == 0
    return family, printed.getvalue()


@pytest.fixture
def measured(once: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """Give the test its own copy of the measured family."""
    shutil.copytree(once[0], tmp_path / "family")
    return tmp_path / "family", once[1]


def space_of(folder: Path, block: dict[str, object]) -> Path:
    space = yaml.safe_load((folder / "space.yaml").read_text())
    space |= {"merge_method": {"choices": ["fisher", "regmean", "dare_ties"]}, "optimerge": block}
    space |= {"search": {"sampler": "random", "warm_start": False}}  # all three methods come
    space["parameters"] = {"alpha": {"low": 0.1, "high": 1.0}}
    (folder / "calibrated.yaml").write_text(yaml.safe_dump(space))
    return folder / "calibrated.yaml"


@pytest.mark.slow
def test_calibrate_search_export_and_build(
    measured: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    family, said = measured
    assert "red: fisher of 39 of 39 tensors, from 16 documents, 80 tokens (text text.txt)" in said
    assert "blue: gram of 29 of 39 tensors" in said
    assert "regmean takes the weighted mean of the other 10" in said
    block = yaml.safe_load(said[said.index("\noptimerge:") :])["optimerge"]
    assert block == {"statistics": {"red": "statistics/red", "blue": "statistics/blue"}}
    space = space_of(family, block)
    monkeypatch.chdir(tmp_path)
    assert run(["search", str(space), "--run-dir", "run", "--trials", "12"]) == 0
    trials = [t for t in open_run(tmp_path / "run").trials() if not t.is_parent]
    assert [t.state for t in trials] == ["complete"] * 9
    by = {str(t.params["merge_method"]): t for t in trials}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with quiet(scoring=True):
        session = open_session(read_space(space), tmp_path / "run", device="cpu")
    home = {place: name for name, place in session.models.places.items()}
    for trial in (by["fisher"], by["regmean"]):
        file = tmp_path / f"{trial.number}.yaml"
        assert run(["export", str(tmp_path / "run"), "--trial", str(trial.number), "-o", str(file)]) == 0  # fmt: skip
        method = trial.params["merge_method"]
        assert f"only optimerge can: mergekit has no method {method!r}" in file.read_text()
        assert run(["build", str(file), str(tmp_path / f"built-{trial.number}")]) == 0
        recipe = parse_recipe(trial.recipe)
        assert recipe.block.statistics == {
            str(family / name): str(family / "statistics" / name) for name in ("red", "blue")
        }
        session.engine.apply(with_references(recipe, home))
        built = load_file(tmp_path / f"built-{trial.number}" / "model.safetensors")
        live = session.engine.model.state_dict()
        assert all(torch.equal(built[name], live[name]) for name in built)
    assert "statistics" not in by["dare_ties"].recipe


def test_a_search_counts_the_statistics_in_its_memory(measured: tuple[Path, str]):
    family, _ = measured
    block = {"statistics": {name: f"statistics/{name}" for name in ("red", "blue")}}
    space = read_space(space_of(family, block))
    models = open_models(space)
    assert models.statistics is not None
    files = list((family / "statistics").glob("*/*.safetensors"))
    held = sum(sum(t.nbytes for t in load_file(file).values()) for file in files)
    assert len(files) == 4
    assert models.statistics.bytes == held
    without = needed(replace(models, statistics=None), space)
    assert needed(models, space).tables == without.tables + held


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "needs statistics of 'red', 'blue'"),
        ({"red": "statistics/red"}, "needs statistics of 'blue'"),
        ({"red": "statistics/red", "blue": "statistics/none"}, "'statistics/none' is no folder"),
        ({"red": "statistics/blue", "blue": "statistics/blue"}, "measured on another model (blue"),
        ({"red": "statistics/red", "green": "x"}, "'green' is none of the recipe's models"),
    ],
)
def test_check_refuses_what_does_not_belong(
    measured: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    said: str,
):
    space = space_of(measured[0], {"statistics": change})
    assert run(["check", str(space)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "optimerge calibrate" in error or "none of the recipe's" in error
    assert "Traceback" not in error


def test_a_retrained_model_must_be_measured_again(
    measured: tuple[Path, str], capsys: pytest.CaptureFixture[str]
):
    from safetensors.torch import save_file

    family, _ = measured
    file = family / "blue" / "model.safetensors"
    save_file({n: t + 1e-3 for n, t in load_file(file).items()}, file, {"format": "pt"})
    block = {"statistics": {name: f"statistics/{name}" for name in ("red", "blue")}}
    assert run(["check", str(space_of(family, block))]) == 2
    assert "the weights have changed); run `optimerge calibrate blue --kind fisher" in capsys.readouterr().err  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --text FILE or --task TASK"),
        (["--text", "text.txt", "--task", "echo"], "give --text FILE or --task TASK"),
        (["--text", "none.txt"], "none.txt: cannot be read"),
        (["--task", "echo", "--include-path", "tasks"], "only a test split"),
        (["--task", "ecco", "--include-path", "none"], "include_path: none is not a folder"),
    ],
)
def test_bad_input_is_one_sentence(
    family: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
):
    monkeypatch.chdir(family)
    (family / "text.txt").write_text(TEXT)
    assert run(["calibrate", "red", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (family / "statistics").exists()


def test_the_same_command_gives_the_same_bytes(
    family: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(family)
    (family / "text.txt").write_text(TEXT)
    for out, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert run(["calibrate", "red", "--text", "text.txt", "--documents", "5", "--seed", seed, "-o", out]) == 0  # fmt: skip
    for file in ("fisher.safetensors", "fisher.json", "gram.safetensors", "gram.json"):
        a, b, c = ((family / out / "red" / file).read_bytes() for out in "abc")
        assert a == b
        assert a != c
    assert "note:" not in capsys.readouterr().err
