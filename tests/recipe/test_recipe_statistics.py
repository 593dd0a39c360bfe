"""The `optimerge: {statistics: ...}` block: who needs one, who may stand in it, how it moves."""

import pytest

from optimerge.errors import RecipeError
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe
from optimerge.recipe.statistics import needed_statistics, remedy, with_statistics

FISHER = "merge_method: fisher\nmodels: [{model: a}, {model: b c}]\n"
BOTH = "optimerge: {statistics: {a: s/a, b c: s/b}, seed: 5}\n"


def parsed(text: str) -> Recipe:
    return parse_recipe(text, "my.yaml")


def test_a_method_that_needs_statistics_names_the_models_that_lack_them() -> None:
    with pytest.raises(RecipeError) as caught:
        parsed(f"{FISHER}optimerge: {{statistics: {{a: s/a}}}}\n")
    assert str(caught.value).startswith("my.yaml: fisher needs statistics of 'b c' under ")
    assert "optimerge calibrate 'b c' --kind fisher --text FILE" in str(caught.value)


def test_models_without_statistics_are_named_once() -> None:
    slices = "slices:\n" + "- sources: [{model: a, layer_range: [0, 1]}]\n" * 2
    with pytest.raises(RecipeError, match="needs statistics of 'a' under"):
        parsed(f"merge_method: fisher\n{slices}")


def test_a_base_that_is_no_input_needs_none() -> None:
    assert parsed(f"{FISHER}{BOTH}base_model: base\n").base_model == "base"
    listed = FISHER.replace("[", "[{model: base}, ", 1)
    assert parsed(f"{listed}{BOTH}base_model: base\n").base_model == "base"


@pytest.mark.parametrize("method", ["fisher", "linear"])
def test_strangers_in_the_block_are_refused(method: str) -> None:
    text = f"{FISHER}{BOTH}".replace("fisher", method)
    with pytest.raises(RecipeError, match="'modell' is none of the recipe's models; did you mean"):
        parsed(text.replace("a: s/a", "modell: s/a").replace("model: a", "model: model"))
    with pytest.raises(RecipeError, match="'zzz' is none of the recipe's models; they are a, b c"):
        parsed(text.replace("a: s/a", "a: s/a, zzz: s/z"))


def test_folders_are_read_where_the_method_needs_them_only() -> None:
    assert needed_statistics(parsed(f"{FISHER}{BOTH}")) == {"a": "s/a", "b c": "s/b"}
    assert needed_statistics(parsed(f"{FISHER}{BOTH}".replace("fisher", "linear"))) == {}


def test_statistics_move_with_their_models() -> None:
    moved = with_statistics(parsed(f"{FISHER}{BOTH}"), {"a": "/m/a"}, {"b c": "/s/b"})
    assert moved.block.statistics == {"/m/a": "s/a", "b c": "/s/b"}
    assert moved.block.seed == 5


@pytest.mark.parametrize("block", ["", "optimerge: {seed: 5}\n"])
def test_a_recipe_without_statistics_stays_as_it_is(block: str) -> None:
    recipe = parsed(f"merge_method: linear\nmodels: [{{model: a}}, {{model: b}}]\n{block}")
    assert with_statistics(recipe, {"a": "/m/a"}, {}) is recipe


def test_the_remedy_is_a_command_that_a_shell_reads() -> None:
    assert remedy(["a", "b c"], ["gram"]) == (
        "run `optimerge calibrate a 'b c' --kind gram --text FILE` (or --task TASK)"
    )
