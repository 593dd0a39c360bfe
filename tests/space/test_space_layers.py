"""Layer maps: ranges in slices, the block layer_map, and the recipes of their points."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.errors import RecipeError
from optimerge.recipe.write import recipe_data
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace
from optimerge.space.whole import whole_model

SLICES = """
merge_method: passthrough
slices:
- sources: [{model: org/a, layer_range: [0, {low: 2, high: 4}]}]
- sources: [{model: {choices: [org/b, org/a]}, layer_range: [{low: 1, high: 4}, {choices: [2, 6]}]}]
- use: {choices: [true, false]}
  layer_range: [6, 8]
  sources: [{model: org/c, parameters: {scale: {low: 0.5, high: 1.0}}}]
objectives: [{task: x}]
"""
SLERP = """
merge_method: linear
slices:
- layer_range: [0, {low: 2, high: 4}]
  sources:
  - {model: org/a, parameters: {weight: {low: 0.0, high: 1.0, layer_groups: 2}}}
  - {model: org/b, parameters: {weight: 1.0}}
objectives: [{task: x}]
"""
MAP = """
layer_map: {models: [org/a, org/b], layers: 6, blocks: 3, repeats: 2}
objectives: [{task: x}]
"""


def space_from(text: str) -> SearchSpace:
    return make_space(yaml.safe_load(text), Path("my.yaml"))


def slices_of(space: SearchSpace, **point: Any) -> list[list[tuple[str, int, int]]]:
    """Return the slices of a point, by the dimension's name with _ for blanks and dots."""
    names = {d.name.replace(" ", "_").replace(".", "_"): d.name for d in space.dimensions}
    start = next(space.corners(space.methods[0]))
    recipe = space.recipe({**start, **{names[k]: v for k, v in point.items()}}, layers=8)
    return [
        [(s["model"].removeprefix("org/"), *s["layer_range"]) for s in part["sources"]]
        for part in recipe_data(recipe)["slices"]
    ]


def test_bounds_models_and_switches_become_dimensions() -> None:
    space = space_from(SLICES)
    assert [(d.name, d.kind, d.text) for d in space.dimensions] == [
        ("slice 1.a.end", "integer", "[2, 4]"),
        ("slice 2.model", None, "{org/b, org/a}"),
        ("slice 2.start", "integer", "[1, 4]"),
        ("slice 2.end", "integer", "{2, 6}"),
        ("slice 3.c[6:8]", "boolean", "{True, False}"),
        ("slice 3.c.scale", "real", "[0.5, 1]"),
    ]
    assert space.references == ("org/a", "org/b", "org/c")
    assert [(p.least, p.most) for p in space.places] == [(2, 4), (0, 5), (0, 2)]


def test_a_point_becomes_the_slices_that_it_says() -> None:
    space = space_from(SLICES)
    point = {"slice_2_model": "org/a", "slice_2_start": 3, "slice_2_end": 6}
    assert slices_of(space, slice_1_a_end=3, **point) == [
        [("a", 0, 3)],
        [("a", 3, 6)],
        [("c", 6, 8)],
    ]


@pytest.mark.parametrize("start", [2, 3])
def test_a_slice_without_layers_or_out_is_left_out(start: int) -> None:
    space = space_from(SLICES)
    found = slices_of(space, slice_2_start=start, slice_2_end=2)
    assert found == [[("a", 0, 4)], [("c", 6, 8)]]
    data = dict(
        zip([d.name for d in space.dimensions], [4, "org/b", 2, 2, False, 1.0], strict=True)
    )
    assert len(recipe_data(space.recipe(data, 8))["slices"]) == 1


def test_a_range_beside_the_sources_holds_for_all_of_them() -> None:
    space = space_from(SLERP)
    assert slices_of(space, slice_1_end=3) == [[("a", 0, 3), ("b", 0, 3)]]


def test_layer_groups_follow_the_length_of_their_slice() -> None:
    space = space_from(SLERP)
    point = {"slice 1.a.weight[layers 1/2]": 0.2, "slice 1.a.weight[layers 2/2]": 0.6}
    for end, wanted in ((4, [0.2, 0.2, 0.6, 0.6]), (2, [0.2, 0.6])):
        recipe = space.recipe({"slice 1.end": end, **point}, layers=32)
        assert recipe_data(recipe)["slices"][0]["sources"][0]["parameters"]["weight"] == wanted


def test_a_layer_map_is_blocks_that_are_in_or_out() -> None:
    space = space_from(MAP)
    assert space.methods == ("passthrough",)
    assert [d.name for d in space.dimensions][:3] == [
        "slice 2.a[2:4]",
        "slice 3.a[4:6]",
        "slice 4.b[0:2]",
    ]
    assert len(space.dimensions) == 2 * 2 * 3 - 1
    out = {d.name: False for d in space.dimensions}
    kept = {"slice 2.a[2:4]": True, "slice 6.b[4:6]": True, "slice 7.a[0:2]": True}
    recipe = recipe_data(space.recipe({**out, **kept}, layers=6))
    found = [(s["model"], s["layer_range"]) for p in recipe["slices"] for s in p["sources"]]
    assert found == [("org/a", [0, 4]), ("org/b", [4, 6]), ("org/a", [0, 2])]


def test_blocks_stay_apart_where_a_gradient_would_run_over_both() -> None:
    space = space_from(MAP + "parameters: {scale: [0.5, 1.0]}\n")
    assert len(slices_of(space)) == 12


def test_the_point_that_is_one_model_is_found() -> None:
    space = space_from(MAP)
    shape = whole_model(space, "org/a", 6)
    assert shape is not None
    point = {d.name: shape[d.site] for d in space.dimensions}
    recipe = recipe_data(space.recipe(point, 6))
    assert recipe["slices"] == [{"sources": [{"model": "org/a", "layer_range": [0, 6]}]}]
    assert whole_model(space, "org/b", 6) is None  # the first block is always a's


def test_a_whole_model_may_take_several_slices() -> None:
    space = space_from(SLICES)
    shape = whole_model(space, "org/a", 6)
    assert shape is not None
    point = {d.name: shape.get(d.site, 1.0) for d in space.dimensions}
    found = recipe_data(space.recipe(point, 6))["slices"]
    assert [s["layer_range"] for p in found for s in p["sources"]] == [[0, 4], [4, 6]]
    assert whole_model(space, "org/a", 5) is None
    assert whole_model(space, "org/a", 3) is not None


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        (SLICES, "high: 4}]}]\n- s", "high: 2.5}]}]\n- s", "a layer is a whole number from 0"),
        (SLICES, "low: 2, high: 4}]", "low: -2, high: 4}]", "a layer is a whole number from 0"),
        (SLICES, "high: 4}]}]\n- s", "high: 4, log: true}]}]\n- s", "no log scale"),
        (SLICES, "low: 2, high: 4}]", "low: 2, high: 5, step: 2}]", "do not meet 5; give high 4"),
        (SLICES, "low: 2, high: 4}]", "low: 2, high: 4, layer_groups: 2}]", "belong to parameters"),
        (SLICES, "[org/b, org/a]", "[org/b, 3]", "give one model, or {choices: [MODEL, ...]}"),
        (SLICES, "[true, false]", "[1, 0]", "give {choices: [true, false]}"),
        (SLICES, "{choices: [true, false]}", "true", "slices[2].use: give {choices"),
        (SLICES, "low: 2, high: 4}]", "low: 0, high: 4}]", "at some points no slice has a layer"),
        (SLICES, "{choices: [2, 6]}", "1", "slices[1]: holds no layer at any point"),
        (
            SLICES,
            "layer_range: [6, 8]",
            "layer_range: [6, x]",
            "slices[2].layer_range: give [start",
        ),
        (SLICES, "layer_range: [6, 8]", "layer_rnge: [6, 8]", "layer_rnge"),
        (SLICES, "passthrough", "task_arithmetic", "needs a base_model"),
        (SLERP, "[0, {low: 2, high: 4}]", "{low: 2, high: 4}", "a range may stand for a parameter"),
        (
            SLERP,
            "{model: org/b,",
            "{model: {choices: [org/b, org/a]},",
            "may be two of its sources",
        ),
        (SLERP, "{model: org/b,", "{model: org/b, layer_range: [0, 4],", "not both"),
        (
            SLERP.replace("- layer_range: [0, {low: 2, high: 4}]\n  s", "- s"),
            "{model: org/a,",
            "{model: org/a, layer_range: [0, {low: 2, high: 4}],",
            "put one `layer_range:` beside `sources:`",
        ),
        (
            SLERP,
            "objectives:",
            "parameters: {normalize: {choices: [true, false], layer_groups: 2}}\nobjectives:",
            "put the parameter into the slices",
        ),
        (MAP, "layer_map:", "base_model: org/a\nlayer_map:", "leave out base_model"),
        (MAP, "layer_map:", "merge_method: ties\nlayer_map:", "merged by passthrough"),
        (MAP, "[org/a, org/b]", "[org/a, org/a]", "a model is given twice; use repeats"),
        (MAP, "blocks: 3", "blocks: 7", "7 blocks of 6 layers"),
        (MAP, "blocks: 3", "block: 3", "did you mean 'blocks'?"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_sentence(
    text: str, old: str, new: str, words: str
) -> None:
    assert old in text
    with pytest.raises(RecipeError) as caught:
        space_from(text.replace(old, new, 1))
    message = str(caught.value)
    assert words in message
    assert message.startswith("my.yaml: ")
    assert "\n" not in message


def test_a_fixed_slice_without_layers_is_still_refused() -> None:
    with pytest.raises(RecipeError, match="holds no layer"):
        space_from(
            SLICES.replace("[6, 8]", "[8, 8]").replace("  use: {choices: [true, false]}\n", "")
        )
