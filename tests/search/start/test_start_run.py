"""The start of a run: what is tried first, once, also after a stop; recipes to start from."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.cli.main import run
from optimerge.cli.tables import trials_screen
from optimerge.errors import RecipeError
from optimerge.front.front import front_of
from optimerge.records.run import open_run
from optimerge.records.types import Trial

RECIPE = """\
merge_method: dare_ties
base_model: base
models:
- {model: red, parameters: {weight: 0.25, density: 0.75}}
- {model: blue, parameters: {weight: 0.625, density: 0.5}}
dtype: float32
"""


def settings(folder: Path, **search: Any) -> None:
    file = folder / "space.yaml"
    data = yaml.safe_load(file.read_text())
    data["search"] |= search
    file.write_text(yaml.safe_dump(data, sort_keys=False))


def origins(trials: list[Trial]) -> list[str]:
    return [t.origin.removeprefix("warm:") for t in trials if not t.is_parent]


def test_a_run_with_more_trials_keeps_the_design_that_it_began_with(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    first = searched(opened(made_family, tmp_path), 10)
    rest = searched(opened(made_family, tmp_path), 14)
    assert origins(first) == [
        "average", "dare_ties density 0.5", "equal 0.7", "sobol 1", *["sampler"] * 3,
    ]  # fmt: skip
    assert origins(rest) == ["sampler"] * 4


def test_a_stop_in_the_design_goes_on_with_it(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    whole = searched(opened(made_family, tmp_path / "whole"), 10)
    first = searched(opened(made_family, tmp_path / "parts"), 10, stop_after=5)
    rest = searched(opened(made_family, tmp_path / "parts"), 10)
    assert [t.params for t in first + rest] == [t.params for t in whole]
    assert origins(first + rest) == origins(whole)


def test_every_sampler_starts_alike(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    one, other = (
        searched(opened(made_family, tmp_path / name), 7, name) for name in ("random", "nsga2")
    )
    assert [t.params for t in one] == [t.params for t in other]
    assert (
        origins(one) == ["average", "dare_ties density 0.5", "sampler", "sampler"][: len(one) - 3]
    )


def test_without_a_warm_start_the_sampler_comes_after_the_parents(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    settings(family, warm_start=False)
    assert origins(searched(opened(family, tmp_path), 6)) == ["sampler"] * 3


def test_known_recipes_come_first_and_may_be_added_later(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    folder = family / "known"
    folder.mkdir()
    # its models are named from where it lies, as an exported recipe names them
    (folder / "one.yaml").write_text(
        RECIPE.replace("red", "../red")
        .replace("base_model: base", "base_model: ../base")
        .replace("blue", str(family / "blue"))
    )
    settings(family, warm_start={"recipes": ["known/one.yaml"], "design": False})
    first = searched(opened(family, tmp_path / "run"), 5)
    assert origins(first) == ["one.yaml", "sampler"]
    assert first[3].params == {
        "red.weight": 0.25, "red.density": 0.75, "blue.weight": 0.625, "blue.density": 0.5,
    }  # fmt: skip
    (family / "two.yaml").write_text(RECIPE.replace("0.625", "0.125"))
    settings(family, warm_start={"recipes": ["known/one.yaml", "two.yaml"], "design": False})
    rest = searched(opened(family, tmp_path / "run"), 7)
    assert origins(rest) == ["two.yaml", "sampler"]
    assert rest[0].params["blue.weight"] == 0.125


def test_an_exported_recipe_of_a_run_is_a_start_of_another(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    searched(opened(family, tmp_path / "one"), 8)
    assert (
        run(["export", str(tmp_path / "one"), "--trial", "7", "-o", str(tmp_path / "r.yaml")]) == 0
    )
    wanted = next(t for t in open_run(tmp_path / "one").trials() if t.number == 7)
    settings(family, seed=5, warm_start={"recipes": [str(tmp_path / "r.yaml")]})
    found = searched(opened(family, tmp_path / "two"), 5)
    assert found[3].origin == "warm:r.yaml"
    assert found[3].params == wanted.params
    assert found[3].scores["nonzero"].value != 0


def test_a_recipe_that_is_no_point_is_refused_before_the_search(
    family: Path, tmp_path: Path, opened: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (family / "one.yaml").write_text(RECIPE.replace("0.75", "0.05"))
    settings(family, warm_start={"recipes": ["one.yaml"]})
    with pytest.raises(RecipeError, match=r"models\[0\].parameters.density is 0.05, outside of"):
        opened(family, tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.journal"))
    assert run(["check", str(family / "space.yaml")]) == 2
    assert "is no point of" in capsys.readouterr().err
    settings(family, warm_start={"recipes": ["none.yaml"]})
    with pytest.raises(RecipeError, match=r"none.yaml: no such file"):
        opened(family, tmp_path / "run")


def test_the_screen_says_what_a_start_was(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    searched(opened(made_family, tmp_path), 9)
    assert run(["show", str(tmp_path), "4"]) == 0
    assert "from warm:dare_ties density 0.5" in capsys.readouterr().out
    trials = open_run(tmp_path).trials()
    table = trials_screen(trials, front_of(open_run(tmp_path)))
    marks = [str(c).removesuffix("knee").strip(" ✗") for c in table.columns[1].cells]
    assert marks[:6] == [
        "◂ base", "◂ expert", "◂ expert", "average", "dare_ties density 0.5", "equal 0.7",
    ]  # fmt: skip
    assert not marks[-1]
