"""The `optimerge:` block: what it may hold, what it means left out, what is refused."""

import pytest
from pydantic import ValidationError

from optimerge.errors import RecipeError
from optimerge.recipe.block import LONGEST_LINE, OptimergeBlock
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe

RECIPE = "merge_method: linear\nmodels: [{{model: a}}, {{model: b}}]\noptimerge: {}\n"


def parsed(block: str) -> Recipe:
    return parse_recipe(RECIPE.format(block), "my.yaml")


def test_a_block_that_is_left_out_means_its_defaults() -> None:
    recipe = parse_recipe("merge_method: linear\nmodels: [{model: a}, {model: b}]\n")
    assert recipe.optimerge is None
    assert recipe.block == OptimergeBlock()
    assert (recipe.block.mode, recipe.block.seed, recipe.block.items) == ("fast", 0, {})
    assert (recipe.block.trial, recipe.block.task_vectors) == (None, None)
    scored = parsed("{scores: {x: {value: 1, direction: minimize}}}").block.scores["x"]
    assert (scored.items, scored.stderr) == (0, None)


def test_a_block_that_is_given_is_the_recipes_own() -> None:
    assert parsed("{mode: exact, seed: 3}").block.seed == 3


@pytest.mark.parametrize(("given", "wanted"), [("7", 7), ("base", "base"), ("null", None)])
def test_a_trial_has_a_number_or_a_name(given: str, wanted: int | str | None) -> None:
    assert parsed(f"{{trial: {given}}}").block.trial == wanted


@pytest.mark.parametrize("given", ["1.5", "true", "[1]"])
def test_another_trial_is_refused(given: str) -> None:
    with pytest.raises(RecipeError, match=r"optimerge\.trial: must be a trial's number, or a name"):
        parsed(f"{{trial: {given}}}")


@pytest.mark.parametrize("key", ["run", "trial", "command"])
def test_texts_are_one_printable_line(key: str) -> None:
    words = f"optimerge.{key}: must be one line of at most {LONGEST_LINE} printable characters"
    for text in ('"a\\nb"', '"\\e[31m"', "x" * (LONGEST_LINE + 1)):
        with pytest.raises(RecipeError) as caught:
            parsed(f"{{{key}: {text}}}")
        assert words in str(caught.value)
    longest = "x" * LONGEST_LINE
    assert getattr(parsed(f"{{{key}: {longest}}}").block, key) == longest


@pytest.mark.parametrize(
    "block",
    [
        "{items: {x: 123}}",
        "{items: {x: abcdefg}}",
        "{scores: {x: {value: '1', direction: minimize}}}",
        "{scores: {x: {value: 1, direction: minimize, items: -1}}}",
        "{scores: {x: {value: 1, direction: minimize, stderr: -0.1}}}",
        "{search_seed: 1.5}",
        "{statistics: {a: ''}}",
    ],
)
def test_evidence_is_of_its_kind_or_refused(block: str) -> None:
    with pytest.raises(RecipeError, match=r"^my\.yaml: optimerge\."):
        parsed(block)


@pytest.mark.parametrize(
    "block",
    [
        "{items: {x: 0123abcd}}",
        "{scores: {x: {value: .inf, direction: minimize, stderr: 0, items: 0}}}",
    ],
)
def test_the_bounds_of_evidence_belong_to_it(block: str) -> None:
    assert parsed(block).optimerge is not None


def test_a_recipe_that_was_checked_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parsed("{}").merge_method = "ties"
