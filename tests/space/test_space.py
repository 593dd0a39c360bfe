"""Search spaces: ranges, conditional parameters, points to recipes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.errors import RecipeError
from optimerge.space.read import make_space
from optimerge.space.same import first_difference, fixed_part, space_digest
from optimerge.space.settings import overridden
from optimerge.space.space import SearchSpace

TEXT = """
merge_method: {choices: [dare_ties, task_arithmetic]}
base_model: org/base
models:
  - model: org/math
    parameters:
      weight: {low: 0.0, high: 1.0}
      density: {low: 0.1, high: 1.0}
  - model: org/code
    parameters:
      weight: {low: 0.0, high: 1.0, layer_groups: 2, filters: [self_attn]}
parameters: {normalize: false, lambda: {low: 0.5, high: 2.0, log: true}}
objectives:
  - task: gsm8k
    search_items: 10
  - sparsity: nonzero
"""


def space_from(text: str) -> SearchSpace:
    return make_space(yaml.safe_load(text), Path("my.yaml"))


def midpoint(space: SearchSpace, method: str) -> dict[str, Any]:
    point: dict[str, Any] = {"merge_method": method}
    for i, d in enumerate(space.active(method)):
        if d.range.choices is None:
            assert d.range.low is not None
            assert d.range.high is not None
            point[d.name] = d.range.low + (d.range.high - d.range.low) * (i + 1) / 20
    return point


def test_every_range_becomes_its_dimensions() -> None:
    assert [d.name for d in space_from(TEXT).dimensions] == [
        "merge_method",
        "math.weight",
        "math.density",
        "code.weight[layers 1/2, self_attn]",
        "code.weight[layers 2/2, self_attn]",
        "code.weight[layers 1/2, rest]",
        "code.weight[layers 2/2, rest]",
        "lambda",
    ]


def test_a_point_becomes_a_recipe_with_its_numbers() -> None:
    space = space_from(TEXT)
    point = midpoint(space, "dare_ties")
    recipe = space.recipe(point, layers=4)
    assert recipe.merge_method == "dare_ties"
    assert recipe.models is not None
    math, code = recipe.models
    assert math.parameters["weight"] is not None
    assert math.parameters["weight"].at("any", 0) == point["math.weight"]
    weight = code.parameters["weight"]
    assert weight is not None
    for layer, group in enumerate((1, 1, 2, 2)):
        depth = layer / 3
        inner = point[f"code.weight[layers {group}/2, self_attn]"]
        rest = point[f"code.weight[layers {group}/2, rest]"]
        assert weight.at(f"layers.{layer}.self_attn.q", depth) == pytest.approx(inner, abs=1e-12)
        assert weight.at(f"layers.{layer}.mlp.up", depth) == pytest.approx(rest, abs=1e-12)


def test_math_runs_in_float32_unless_the_space_says_otherwise() -> None:
    space = space_from(TEXT)
    assert space.any_recipe.dtype == "float32"
    assert space_from(TEXT + "dtype: bfloat16\n").any_recipe.dtype == "bfloat16"


def test_a_parameter_that_the_method_lacks_is_not_part_of_its_points() -> None:
    space = space_from(TEXT.replace("task_arithmetic", "linear").replace("lambda", "lambda"))
    assert "lambda" not in [d.name for d in space.active("linear")]
    recipe = space.recipe(midpoint(space, "linear"), layers=4)
    assert list(recipe.parameters) == ["normalize"]
    assert space.conditional


def test_a_fixed_space_is_not_conditional() -> None:
    assert not space_from(
        TEXT.replace("{choices: [dare_ties, task_arithmetic]}", "ties")
    ).conditional


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "{low: 0.1, high: 1.0}",
            "{low: 1.0, high: 0.1}",
            "models[0].parameters.density: low 1 is above high 0.1",
        ),
        ("{low: 0.1, high: 1.0}", "{low: 0.1}", "the range has no high"),
        (
            "{low: 0.1, high: 1.0}",
            "{low: 0.1, hihg: 1.0}",
            "unknown key 'hihg'; did you mean 'high'?",
        ),
        (
            "{low: 0.1, high: 1.0}",
            "{low: 0.1, high: 1.5}",
            "density is 1.5, and must lie between 0 and 1",
        ),
        ("{low: 0.1, high: 1.0}", "{low: -0.1, high: 1.0}", "density is -0.1"),
        (
            "{low: 0.5, high: 2.0, log: true}",
            "{low: 0, high: 2.0, log: true}",
            "a log range needs low above 0",
        ),
        ("{low: 0.5, high: 2.0, log: true}", "{choices: [], log: true}", "lambda"),
        (
            "[dare_ties, task_arithmetic]",
            "[dare_ties, task_arithmatic]",
            "did you mean 'task_arithmetic'?",
        ),
        ("density: {", "densty: {", "has no parameter 'densty'; did you mean 'density'?"),
        (
            "objectives:",
            "objektives:",
            "did you mean 'objectives'?",
        ),
        ("  - sparsity: nonzero", "  - sparsity: zero", "objectives[1].sparsity"),
        (
            "search_items: 10",
            "search_item: 10",
            "unknown key 'search_item'; did you mean 'search_items'?",
        ),
        ("search_items: 10", "search_items: 0", "objectives[0].search_items"),
        ("  - sparsity: nonzero", "  - task: gsm8k", "two are called 'gsm8k'"),
        (
            "base_model: org/base",
            "base_model: {low: 0, high: 1}",
            "a range may stand for a parameter",
        ),
        ("layer_groups: 2", "layer_groups: 0", "layer_groups"),
        ("base_model: org/base", "base: org/base", "unknown key 'base'"),
    ],
)
def test_a_wrong_space_is_refused_in_one_sentence(old: str, new: str, words: str) -> None:
    assert old in TEXT
    with pytest.raises(RecipeError) as caught:
        space_from(TEXT.replace(old, new, 1))
    message = str(caught.value)
    assert words in message
    assert message.startswith("my.yaml: ")
    assert "\n" not in message


def test_budgets_may_change_between_resumes_and_ranges_may_not() -> None:
    old, longer = space_from(TEXT), space_from(TEXT + "search: {trials: 500, sampler: tpe}\n")
    assert space_digest(old.data) == space_digest(longer.data)
    other = space_from(TEXT.replace("low: 0.1", "low: 0.2"))
    assert space_digest(old.data) != space_digest(other.data)
    found = first_difference(fixed_part(old.data), fixed_part(other.data))
    assert found == "models[0].parameters.density.low was 0.1 and is 0.2"


def test_another_seed_is_another_space() -> None:
    old, other = space_from(TEXT), overridden(space_from(TEXT), seed=5)
    assert first_difference(fixed_part(old.data), fixed_part(other.data)) == (
        "search.seed was 0 and is 5"
    )


def test_a_budget_on_the_command_line_replaces_the_file_s_whole() -> None:
    space = space_from(TEXT + "search: {trials: 50}\n")
    assert overridden(space, hours=9).search.trials is None
    assert overridden(space).search.trials == 50
    assert overridden(space, trials=70).search.trials == 70


def test_seed_zero_given_or_left_out_is_the_same_space() -> None:
    given = space_from(TEXT + "search: {seed: 0}\n")
    assert space_digest(given.data) == space_digest(space_from(TEXT).data)
