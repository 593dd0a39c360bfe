"""The YAML that the reference shows is right: recipes and spaces are read, blocks fit into one."""

import re
from pathlib import Path

import pytest
import yaml

from docs.generate.pages import FOLDER
from optimerge.errors import RecipeError
from optimerge.recipe.read import parse_recipe, parse_yaml
from optimerge.space.read import make_space

RECIPE = {"merge_method": "linear", "models": [{"model": "a", "parameters": {"weight": 1}}]}


def examples(name: str) -> list[str]:
    text = (FOLDER / name).read_text()
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_a_recipe_and_a_space_are_read() -> None:
    recipe, space = examples("format.md")
    parse_recipe(recipe)
    assert make_space(parse_yaml(space, "example"), Path("example.yaml")).dimensions


@pytest.mark.parametrize("text", examples("objectives.md"))
def test_objectives_are_read(text: str) -> None:
    space = make_space(RECIPE | yaml.safe_load(text), Path("example.yaml"))
    assert space.objective_names


def test_a_wrong_one_is_found() -> None:
    recipe, _ = examples("format.md")
    with pytest.raises(RecipeError):
        parse_recipe(recipe.replace("density", "densty"))
