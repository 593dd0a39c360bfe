"""The package for programs: what its docstrings show works, and loads no more than it needs."""

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from optuna.samplers import RandomSampler

import optimerge
from optimerge.cli.main import run as command
from optimerge.records.attributes import trial_attributes
from optimerge.records.run import RunInfo, create_run
from optimerge.records.types import MergeStats, Score

OBJECTIVES = {"maths": "maximize", "size": "minimize"}
RECIPE = "merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 0.5}}\n- {model: b, parameters: {weight: 1}}\n"
POINTS = [(0.50, 0.30), (0.55, 0.60), (0.40, 0.20), (0.45, 0.50)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a parent and four merges, of which the last is dominated."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    info = RunInfo("merge_method: linear\n", "/x/space.yaml", "d", OBJECTIVES, 4, 0, False)  # type: ignore[arg-type]
    made = create_run(folder, info)
    tell(made.parents, "base", 0.30, 0.0)
    made.search.sampler = RandomSampler(seed=1)
    for maths, size in POINTS:
        tell(made.search, "sampler", maths, size)
    made.search.set_user_attr("reference", [-0.3, 1.0])
    made.search.set_user_attr("scales", [0.5, 1.0])
    return folder


def tell(study: Any, origin: str, maths: float, size: float) -> None:
    asked = study.ask()
    asked.suggest_float("a.weight", 0, 1)
    scores = {
        "maths": Score(maths, 0.02, 50, "maximize", 1.5),
        "size": Score(size, 0.0, 0, "minimize", 0.0),
    }
    stats = MergeStats(0.5, 100, 25, 3.0, 1.0)
    for key, value in trial_attributes(origin, RECIPE, scores, stats, {"merge": 0.5}).items():
        asked.set_user_attr(key, value)
    study.tell(asked, [maths, size])


def test_what_the_docstring_of_load_run_shows(folder: Path, tmp_path: Path) -> None:
    run = optimerge.load_run(folder)
    choice = run.choose("knee", at_least={"maths": 0.45})
    assert choice.trial.name == "0"
    assert choice.reason.startswith("trial 0: the knee")
    text = run.export(choice, tmp_path / "recipe.yaml")
    assert (tmp_path / "recipe.yaml").read_text() == text
    assert "run mine, trial 0: picked by knee of those with maths >= 0.45." in text.splitlines()[0]


def test_a_run_is_seen_whole(folder: Path) -> None:
    run = optimerge.load_run(str(folder))
    assert (run.name, dict(run.objectives), run.folder) == ("mine", OBJECTIVES, folder)
    assert [t.name for t in run.trials()] == ["base", "0", "1", "2", "3"]
    assert {t.name for t in run.front().members} == {"base", "0", "1", "2"}
    assert run.trial(3).scores["maths"].value == 0.45
    assert run.trial("base").is_parent
    assert run.to_pandas()["trial"].tolist() == ["1", "0", "2", "base"]
    assert run.to_pandas(every=True)["on_front"].tolist() == [True, True, True, True, False]
    assert run.history().hypervolume[-1] == pytest.approx(run.front().relative_hypervolume)


def test_what_makes_no_sense_is_one_error_class(folder: Path, tmp_path: Path) -> None:
    run = optimerge.load_run(folder)
    for wrong in (
        lambda: optimerge.load_run(tmp_path / "none"),
        lambda: run.choose("kneee"),
        lambda: run.trial(99),
        lambda: run.importance("maths"),
        lambda: run.export("trial:99"),
        lambda: optimerge.read_space(tmp_path / "none.yaml"),
        lambda: optimerge.build(tmp_path / "none.yaml", tmp_path / "out"),
    ):
        with pytest.raises(optimerge.OptimergeError):
            wrong()


@pytest.mark.parametrize("ending", ["csv", "json", "md", "parquet"])
def test_the_command_writes_what_the_api_gives(folder: Path, tmp_path: Path, ending: str) -> None:
    file, run = tmp_path / f"front.{ending}", optimerge.load_run(folder)
    assert command(["front", str(folder), "-o", str(file)]) == 0
    assert file.read_bytes() == run.in_format(ending)  # type: ignore[arg-type]
    assert command(["front", str(folder), "--all", "-o", str(file)]) == 0
    assert file.read_bytes() == run.in_format(ending, every=True)  # type: ignore[arg-type]


def test_the_command_prints_what_it_would_write(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["front", str(folder), "--format", "json", "--all"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["base", *"0123"]
    assert command(["front", str(folder), "--all"]) == 0
    assert "5 complete, 0 others" in capsys.readouterr().out
    for wrong in (
        ["-o", str(tmp_path / "x.txt")],
        ["--format", "table", "-o", str(tmp_path / "x")],
    ):
        assert command(["front", str(folder), *wrong]) == 2
        assert "Error: " in capsys.readouterr().err


def test_export_says_why_beside_the_recipe(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = ["export", str(folder), "--pick", "weights:maths=3,size=1", "-o", "-"]
    assert command(printed) == 0
    done = capsys.readouterr()
    assert done.err.startswith("trial ")
    assert "best weighted mean (maths 0.75, size 0.25)" in done.err
    assert done.out.startswith("# Exported by optimerge")
    file = tmp_path / "recipe.yaml"
    limits = ["--at-least", "maths=0.45", "--at-most", "size=0.5"]
    assert command(["export", str(folder), *limits, "-o", str(file)]) == 0
    assert capsys.readouterr().out.startswith("trial 0: the knee")
    assert file.exists()
    assert command(["export", str(folder), "--at-least", "maths=0.9"]) == 2
    assert "trial 1 comes nearest" in capsys.readouterr().err


def public() -> list[tuple[str, Any]]:
    """Every public name, and every public method of the classes among them."""
    found = []
    for name in optimerge.__all__:
        thing = getattr(optimerge, name)
        found.append((name, thing))
        if inspect.isclass(thing):
            found += [(f"{name}.{n}", m) for n, m in vars(thing).items() if not n.startswith("_")]
    return found


@pytest.mark.parametrize(("name", "thing"), public(), ids=lambda each: each if isinstance(each, str) else "")  # fmt: skip
def test_every_public_name_has_a_docstring_and_types(name: str, thing: Any) -> None:
    assert inspect.getdoc(thing), name
    called = thing.fget if isinstance(thing, property) else thing
    if inspect.isfunction(called):
        signature = inspect.signature(called)
        assert signature.return_annotation is not signature.empty, name
        for parameter in signature.parameters.values():
            assert parameter.name == "self" or parameter.annotation is not parameter.empty, name


def test_the_public_names_are_listed() -> None:
    assert set(optimerge.__all__) <= set(dir(optimerge))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        optimerge.nonsense  # noqa: B018


def test_to_import_it_loads_nothing() -> None:
    code = (
        "import sys, optimerge; before = set(sys.modules); optimerge.OptimergeError; "
        "heavy = {'numpy', 'torch', 'optuna', 'pandas', 'pydantic', 'yaml', 'click'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules); "
        "assert not [m for m in before if m.startswith('optimerge.')]; print('light')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "light\n", done.stderr
