"""Every file of search_spaces/ reads, and its points are recipes."""

from pathlib import Path

import pytest

from optimerge.recipe.check import check_recipe
from optimerge.space.read import read_space

FILES = sorted((Path(__file__).parents[2] / "search_spaces").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_an_example_reads_and_its_points_are_recipes(file: Path) -> None:
    space = read_space(file)
    assert space.dimensions
    for method in space.methods:
        point = {d.name: d.range.ends[-1] for d in space.active(method)}
        recipe = space.recipe({**point, "merge_method": method}, layers=32)
        check_recipe(recipe, str(file))
        assert recipe.merge_method == method


def test_there_are_examples() -> None:
    assert FILES
