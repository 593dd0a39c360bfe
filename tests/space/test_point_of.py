"""The way back from a recipe to the point of the space that it is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.errors import RecipeError
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.write import recipe_text
from optimerge.space.point_of import point_of
from optimerge.space.read import make_space
from optimerge.space.resolve import resolved
from optimerge.space.space import SearchSpace

TEXT = """
merge_method: {choices: [dare_ties, task_arithmetic]}
base_model: org/base
models:
  - model: org/math
    parameters:
      weight: {low: 0.0, high: 1.0, layer_groups: [0, 1, 4]}
      density: {low: 0.1, high: 1.0, filters: [mlp, self_attn], layer_groups: 2}
  - model: org/code
    parameters: {weight: [{low: 0.0, high: 1.0}, 0.5], density: {choices: [0.3, 1.0]}}
parameters: {normalize: false, lambda: {low: 0.5, high: 1.5, step: 0.1}}
objectives: [{task: x}]
"""
SLICES = """
merge_method: linear
slices:
- sources:
  - {model: org/a, layer_range: [0, 4], parameters: {weight: {low: 0.0, high: 1.0, layer_groups: each}}}
  - {model: org/b, layer_range: [0, 4], parameters: {weight: 1.0}}
objectives: [{task: x}]
"""
RECIPE = """
merge_method: dare_ties
base_model: org/base
models:
- {model: org/math, parameters: {weight: 0.25, density: 0.5}}
- {model: org/code, parameters: {weight: [0.75, 0.5], density: 0.3}}
parameters: {lambda: 1.2}
"""


def space_from(text: str) -> SearchSpace:
    return resolved(make_space(yaml.safe_load(text), Path("my.yaml")), 4, {})


def point_from(text: str, space: str = TEXT) -> dict[str, Any]:
    return point_of(space_from(space), parse_recipe(text), 4, "known.yaml")


@pytest.mark.parametrize("method", ["dare_ties", "task_arithmetic"])
def test_the_recipe_of_a_point_leads_back_to_it(method: str) -> None:
    space = space_from(TEXT)
    point: dict[str, Any] = {}
    for n, d in enumerate(space.active(method)):
        point[d.name] = {"merge_method": method, "lambda": 0.8, "code.density": 0.3}.get(
            d.name, 0.3 + n / 30
        )
    text = recipe_text(space.recipe(point, 4))
    assert point_of(space, parse_recipe(text), 4, "known.yaml") == pytest.approx(point)


def test_each_in_slices_leads_back_too() -> None:
    space = space_from(SLICES)
    point = {d.name: n / 10 for n, d in enumerate(space.dimensions)}
    assert point_of(space, space.recipe(point, 4), 4, "known.yaml") == pytest.approx(point)


def test_a_gradient_along_one_layer_is_read_at_its_end_as_a_merge_reads_it() -> None:
    text = "merge_method: linear\nmodels:\n- {{model: a, parameters: {{weight: {}}}}}\n"
    space = space_from(text.format("{low: 0.0, high: 1.0}") + "objectives: [{task: x}]\n")
    found = point_of(space, parse_recipe(text.format("[0.25, 0.75]")), 1, "known.yaml")
    assert found == {"a.weight": 0.75}


def test_one_number_written_by_hand_holds_for_all_groups_and_filters() -> None:
    assert point_from(RECIPE) == {
        "merge_method": "dare_ties",
        "math.weight[layer 0]": 0.25,
        "math.weight[layers 1-3]": 0.25,
        **{
            f"math.density[layers {g}/2, {f}]": 0.5
            for g in (1, 2)
            for f in ("mlp", "self_attn", "rest")
        },
        "code.weight[0]": 0.75,
        "code.density": 0.3,
        "lambda": 1.2,
    }


def test_what_is_free_or_a_default_makes_no_difference() -> None:
    extra = "dtype: bfloat16\nout_dtype: float16\noptimerge: {mode: exact, seed: 7}\n"
    assert point_from(RECIPE + extra) == point_from(RECIPE)
    assert point_from(RECIPE.replace("lambda: 1.2", "lambda: 1.2, rescale: true")) == point_from(
        RECIPE
    )
    assert point_from(RECIPE.replace("lambda: 1.2", "int8_mask: false"))["lambda"] == 1.0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dare_ties", "ties", "merge_method is ties, none of dare_ties, task_arithmetic"),
        ("org/base", "org/other", "base_model was"),
        ("org/code", "org/coder", "models[1].model was"),
        ("weight: 0.25", "weight: 1.25", "models[0].parameters.weight is 1.25, outside of [0, 1]"),
        ("weight: 0.25", "weight: [0, 0, 0, 1]", "is not one number on the layers of math.weight[layers 1-3]"),
        ("density: 0.5", "density: [{filter: q_proj, value: 0.5}, {value: 1.0}]", "has the filters ['q_proj'], and the space ['mlp', 'self_attn']"),
        ("density: 0.5", "density: [{filter: mlp, value: 0.5}, {filter: self_attn, value: 0.5}]", "has no value for math.density[layers 1/2, rest]"),
        ("density: 0.3", "density: 0.4", "models[1].parameters.density is 0.4, none of [0.3, 1.0]"),
        ("[0.75, 0.5]", "[0.75, 0.6, 1.0]", "models[1].parameters.weight had 2 entries and has 3"),
        ("[0.75, 0.5]", "[0.75, 0.6]", "models[1].parameters.weight[1] was 0.5 and is 0.6"),
        ("lambda: 1.2", "lambda: 1.25", "parameters.lambda is 1.25, between the steps of [0.5, 1.5] step 0.1"),
        ("lambda: 1.2", "lambda: 1.2, normalize: true", "parameters.normalize was not given and is true"),
        ("- {model: org/code, parameters: {weight: [0.75, 0.5], density: 0.3}}\n", "", "models[1].parameters.weight[0] is not given"),
        ("parameters: {lambda", "chat_template: chatml\nparameters: {lambda", "chat_template"),
    ],
)  # fmt: skip
def test_the_first_difference_is_named(old: str, new: str, words: str) -> None:
    assert old in RECIPE
    with pytest.raises(RecipeError) as caught:
        point_from(RECIPE.replace(old, new, 1))
    message = str(caught.value)
    assert message.startswith("known.yaml: is no point of my.yaml: ")
    assert words in message
    assert "\n" not in message


def test_maps_of_layers_start_from_no_recipe() -> None:
    space = "layer_map: {models: [org/a, org/b], layers: 4}\nobjectives: [{task: x}]\n"
    recipe = "merge_method: passthrough\nslices: [{sources: [{model: org/a, layer_range: [0, 4]}]}]"
    with pytest.raises(RecipeError, match="searches which layers a model has"):
        point_from(recipe, space)
