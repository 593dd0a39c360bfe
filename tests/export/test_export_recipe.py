"""The exported file says who can build it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optimerge.export.recipe import export_text
from optimerge.methods.registry import all_methods
from optimerge.recipe.read import parse_recipe
from optimerge.records.run import RunInfo
from optimerge.records.types import Score, Trial

OURS = sorted(name for name, method in all_methods().items() if not method.mergekit)

INFO = RunInfo(
    space="",
    space_file="space.yaml",
    digest="",
    objectives={"echo": "maximize"},
    layers=4,
    seed=3,
    exact=False,
)


def exported(method: str) -> str:
    recipe = (
        f"merge_method: {method}\nbase_model: base\n"
        "models:\n- {model: red, parameters: {weight: 0.5}}\n"
        "optimerge: {statistics: {red: measured/red}}\n"
    )
    score = Score(value=0.5, stderr=0.1, items=25, direction="maximize", seconds=1.0)
    trial = Trial(7, "complete", "sampler", {}, recipe, {"echo": score})
    run: Any = SimpleNamespace(name="road", folder=Path("runs/road"), info=INFO)
    return export_text(run, trial, "picked by knee")


def test_a_method_of_mergekit_is_built_by_both() -> None:
    text = exported("ties")
    assert "# Build it: optimerge build THIS_FILE OUT\n" in text
    assert "mergekit-yaml THIS_FILE OUT\n" in text
    assert "only optimerge" not in text


@pytest.mark.parametrize("method", [name for name in OURS if name != "lines"])
def test_a_method_that_mergekit_lacks_is_said_to_be_built_by_optimerge_alone(method: str) -> None:
    text = exported(method)
    assert f"(only optimerge can: mergekit has no method '{method}')" in text
    assert "mergekit-yaml" not in text
    assert parse_recipe(text).merge_method == method
    assert parse_recipe(text).block.statistics == {"red": "measured/red"}


def test_lines_is_exported_as_a_recipe_of_mergekit_and_says_so() -> None:
    text = exported("lines")
    assert "Scored as lines, which mergekit does not have; written as task_arithmetic" in text
    assert "mergekit-yaml THIS_FILE OUT" in text
    written = parse_recipe(text)
    assert written.merge_method == "task_arithmetic"
    assert written.parameters["lambda"].plain() == [1.0, 1.0]  # type: ignore[union-attr]  # it is there
