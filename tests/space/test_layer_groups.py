"""Layer groups: each, auto and edges; what they become once the models are known."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.errors import RecipeError
from optimerge.recipe.write import recipe_data
from optimerge.space.read import make_space
from optimerge.space.resolve import auto_edges, resolved
from optimerge.space.same import space_digest
from optimerge.space.space import SearchSpace

TEXT = """
merge_method: ties
base_model: org/base
models:
  - model: org/math
    parameters: {weight: {low: 0.0, high: 1.0, layer_groups: GROUPS}, density: 0.5}
  - model: org/code
    parameters:
      weight: {low: 0.0, high: 1.0}
      density: {low: 0.1, high: 1.0, layer_groups: GROUPS, filters: [mlp]}
objectives: [{task: x}]
"""
SLICE = """
merge_method: linear
slices:
- sources:
  - {model: org/a, layer_range: [8, 14], parameters: {weight: {low: 0.0, high: 1.0, layer_groups: GROUPS}}}
  - {model: org/b, layer_range: [8, 14], parameters: {weight: 1.0}}
objectives: [{task: x}]
"""


def space_from(text: str, groups: str) -> SearchSpace:
    return make_space(yaml.safe_load(text.replace("GROUPS", groups)), Path("my.yaml"))


def whole(groups: str, layers: int = 8, edges: dict[str, list[int]] | None = None) -> SearchSpace:
    return resolved(space_from(TEXT, groups), layers, edges or {})


def weights_of(space: SearchSpace, layers: int = 8) -> Any:
    """Return math's weight in the recipe of a point whose values tell the dimensions apart."""
    point = {d.name: (n + 1) / 100 for n, d in enumerate(space.dimensions)}
    point |= {d.name: 0.5 for d in space.dimensions if "density" in d.name}
    return recipe_data(space.recipe(point, layers))["models"][0]["parameters"]["weight"]


def test_each_is_a_value_a_layer() -> None:
    space = whole("each")
    names = [d.name for d in space.dimensions]
    assert names[:8] == [f"math.weight[layer {n}]" for n in range(8)]
    assert names[9:11] == ["code.density[layer 0, mlp]", "code.density[layer 1, mlp]"]
    assert names[-1] == "code.density[layer 7, rest]"
    assert len(set(names)) == len(names) == 8 + 1 + 16
    assert weights_of(space) == [n / 100 for n in range(1, 9)]


def test_each_is_as_many_equal_groups_as_layers() -> None:
    assert weights_of(whole("each")) == weights_of(whole("8"))


def test_edges_say_which_layers() -> None:
    space = whole("[0, 1, 5, 8]")
    assert [d.name for d in space.dimensions][:3] == [
        "math.weight[layer 0]",
        "math.weight[layers 1-4]",
        "math.weight[layers 5-7]",
    ]
    assert weights_of(space) == [0.01] + [0.02] * 4 + [0.03] * 3


def test_auto_becomes_the_edges_of_the_profile() -> None:
    space = space_from(TEXT, "{auto: 2}")
    profile = [[0.2]] * 3 + [[0.9]] * 5
    edges = auto_edges(space, 8, lambda: profile)
    assert edges == {"2": [0, 3, 8]}
    found = resolved(space, 8, edges)
    assert [d.name for d in found.dimensions][:2] == [
        "math.weight[layers 0-2]",
        "math.weight[layers 3-7]",
    ]
    assert weights_of(found) == [0.01] * 3 + [0.02] * 5
    assert found.data == space.data
    assert space_digest(found.data) == space_digest(space.data)


def test_a_plain_auto_is_four_groups_or_as_many_as_there_are_layers() -> None:
    space = space_from(TEXT, "auto")
    assert auto_edges(space, 8, lambda: [[1.0]] * 8) == {"auto": [0, 2, 4, 6, 8]}
    assert auto_edges(space, 3, lambda: [[1.0]] * 3) == {"auto": [0, 1, 2, 3]}


def test_known_edges_are_kept_and_the_profile_is_not_asked_for() -> None:
    def never() -> list[list[float]]:
        raise AssertionError("the weights were read again")

    space = space_from(TEXT, "auto")
    assert auto_edges(space, 8, never, {"auto": [0, 1, 2, 3, 8]}) == {"auto": [0, 1, 2, 3, 8]}
    assert auto_edges(space_from(TEXT, "3"), 8, never) == {}


def test_a_space_whose_groups_are_open_makes_no_recipes() -> None:
    space = space_from(TEXT, "auto")
    assert [d.name for d in space.dimensions][:2] == ["math.weight[auto]", "code.weight"]
    with pytest.raises(RecipeError, match="not known before the models are opened"):
        space.recipe({d.name: 0.5 for d in space.dimensions}, 8)
    assert not whole("3").open_ranges


def test_each_in_a_slice_means_its_own_layers() -> None:
    space = space_from(SLICE, "each")
    assert [d.name for d in space.dimensions] == [
        f"slice 1.a.weight[layers {n}/6]" for n in range(1, 7)
    ]
    point = {d.name: n / 10 for n, d in enumerate(space.dimensions)}
    data = recipe_data(space.recipe(point, layers=32))
    found = data["slices"][0]["sources"][0]["parameters"]["weight"]
    assert found == [n / 10 for n in range(6)]


@pytest.mark.parametrize(
    ("text", "groups", "words"),
    [
        (TEXT, "0", "layer_groups: give a number of groups from 1, each, auto"),
        (TEXT, "true", "give a number of groups from 1"),
        (TEXT, "evry", "give a number of groups from 1"),
        (TEXT, "{auto: 0}", "give a number of groups from 1"),
        (TEXT, "{atuo: 3}", "give a number of groups from 1"),
        (TEXT, "[0, 4, 4, 8]", "rise from 0 to the number of layers"),
        (TEXT, "[2, 8]", "rise from 0 to the number of layers"),
        (TEXT, "[0, 2.5]", "rise from 0 to the number of layers"),
        (SLICE, "auto", "layer_groups: auto looks at whole models"),
        (SLICE, "[0, 6]", "layer_groups of a slice are a number or each"),
        (
            SLICE.replace("GROUPS", "2").replace(
                "objectives",
                "parameters: {normalize: {choices: [true, false], layer_groups: each}}\nobjectives",
            ),
            "",
            "put the parameter into the slices",
        ),
    ],
)
def test_groups_that_cannot_be_are_refused_in_one_sentence(
    text: str, groups: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        space_from(text, groups)
    assert words in str(caught.value)
    assert str(caught.value).startswith("my.yaml: ")
    assert "\n" not in str(caught.value)


def test_more_auto_groups_than_layers_are_refused() -> None:
    with pytest.raises(RecipeError) as caught:
        auto_edges(space_from(TEXT, "{auto: 9}"), 8, lambda: [[1.0]] * 8)
    assert str(caught.value) == (
        "my.yaml: models[0].parameters.weight: 9 layer groups for 8 layers; give at most 8"
    )
