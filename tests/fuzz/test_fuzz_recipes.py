"""Recipes and search spaces: whatever stands in the file, one sentence comes out, and soon."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import DEEP, edited, mutated, only_our_errors, tier

from optimerge.errors import RecipeError
from optimerge.recipe.read import parse_recipe, parse_yaml
from optimerge.recipe.write import dump_yaml, recipe_text
from optimerge.space.points import size
from optimerge.space.read import make_space
from optimerge.space.same import first_difference, fixed_part, space_digest
from optimerge.space.space import SearchSpace

SPACES = Path(__file__).parents[2] / "search_spaces"
RECIPES = Path(__file__).parents[1] / "data" / "golden" / "recipes" / "f32"
FILES = [
    *((SPACES / name).read_text() for name in ("example.yaml", "layer_map.yaml")),
    """
layer_map: {models: [a, b], layers: 8, blocks: 4, repeats: 2}
objectives: [{task: x}, {perplexity: a.txt}, {drift: p.jsonl, at_most: 0.1, optimize: false},
  {length: p.txt}, {parameters: count}, {function: "m:f", direction: maximize}]
tasks: {num_fewshot: 2, search_items: 100}
search: {racing: {confidence: 0.9}, warm_start: {design: false, recipes: [a.yaml]}, hours: 3,
  sampler: {name: nsga2, population_size: 20}, generation: {batching: continuous}}
tokenizer: {source: union, tokens: {"<a>": {source: {kind: zero}, force: true}}}
""",
    """
merge_method: karcher
base_model: base
models: [{model: a}, {model: b}]
parameters: {max_iter: {low: 1, high: 100, step: 1}, tol: {low: 1.0e-9, high: 1.0e-3, log: true}}
objectives: [{task: x, at_least: 0.1}]
""",
]
PLAIN = [yaml.safe_load(text) for text in FILES]
MERGES = [
    yaml.safe_load((RECIPES / f"{name}.yml").read_text())
    for name in ("grad_linear", "filter_ties", "slices_ties_groups", "tokenizer_union")
]
MERGES.append(
    {
        "merge_method": "fisher",
        "models": [{"model": "a"}, {"model": "b", "parameters": {"weight": [0.1, 1]}}],
        "optimerge": {"mode": "fast", "seed": 3, "statistics": {"a": "s/a", "b": "s/b"}},
        "chat_template": "auto",
        "dtype": "float32",
    }
)
TOKENS = (
    *(b"&a ", b"*a", b"<<: ", b"!!int ", b"!!python/name:os.system ", b"? ", b"- ", b"[", b"{"),
    *(b"{low: 0, high: 1}", b"{choices: [1]}", b": ", b"\n", b"\n  ", b"0x", b"1:1", b".inf"),
    *(
        b'"\\ud800"',
        b'"\\0"',
        b"%TAG !e! x\n---\n",
        b"---\n",
        b"...\n",
        b"|\n",
        b">\n",
        b"2001-01-01",
    ),
)


def judge_space(data: Any) -> None:
    with only_our_errors():
        use(make_space(parse_yaml(dump_yaml(data), "space.yaml"), Path("/nowhere/space.yaml")))


def use(space: SearchSpace) -> None:
    """Do what the commands do with a space before a model is opened."""
    assert len(space_digest(space.data)) == 32
    assert first_difference(fixed_part(space.data), fixed_part(space.data)) is None
    again = make_space(parse_yaml(dump_yaml(dict(space.data)), "again"), space.file)
    assert space_digest(again.data) == space_digest(space.data)
    assert space.references
    if not space.open_ranges:
        for method in space.methods:
            for point in space.corners(method):
                parse_recipe(recipe_text(space.recipe(point, 6)))
    for dimension in space.dimensions:
        assert dimension.text
    assert size(space) > 0
    assert all(math.isfinite(bound.limit) for bound in space.bounds)


def judge_space_text(content: bytes) -> None:
    with only_our_errors():
        text = content.decode("utf-8", errors="replace")
        use(make_space(parse_yaml(text, "space.yaml"), Path("/nowhere/space.yaml")))


def judge_recipe(data: Any) -> None:
    with only_our_errors():
        recipe = parse_recipe(dump_yaml(data), "recipe.yaml")
        assert recipe_text(parse_recipe(recipe_text(recipe))) == recipe_text(recipe)
        assert recipe.references()


def judge_recipe_text(content: bytes) -> None:
    with only_our_errors():
        recipe = parse_recipe(content.decode("utf-8", errors="replace"))
        assert recipe_text(parse_recipe(recipe_text(recipe))) == recipe_text(recipe)


spaces = st.sampled_from(PLAIN).flatmap(mutated)
space_texts = st.sampled_from(FILES).flatmap(lambda text: edited(text.encode(), TOKENS))
recipes = st.sampled_from(MERGES).flatmap(mutated)
recipe_texts = st.sampled_from(MERGES).flatmap(
    lambda data: edited(dump_yaml(data).encode(), TOKENS)
)
random_texts = st.text(st.sampled_from(list("abc:-[]{}&*!|>%#'\"\n ,?=<~0.1xé\t\0")), max_size=60)


@tier(60)
@given(spaces)
def test_odd_spaces(data: Any) -> None:
    judge_space(data)


@tier(40)
@given(space_texts)
def test_edited_spaces(content: bytes) -> None:
    judge_space_text(content)


@tier(60)
@given(recipes)
def test_odd_recipes(data: Any) -> None:
    judge_recipe(data)


@tier(50)
@given(recipe_texts)
def test_edited_recipes(content: bytes) -> None:
    judge_recipe_text(content)


@tier(100)
@given(random_texts)
@example("a: &a [*a]")
def test_random_yaml(text: str) -> None:
    judge_recipe_text(text.encode())


@pytest.mark.slow
@tier(DEEP)
@given(spaces)
def test_many_odd_spaces(data: Any) -> None:
    judge_space(data)


@pytest.mark.slow
@tier(DEEP)
@given(space_texts)
def test_many_edited_spaces(content: bytes) -> None:
    judge_space_text(content)


@pytest.mark.slow
@tier(DEEP)
@given(recipes)
def test_many_odd_recipes(data: Any) -> None:
    judge_recipe(data)


@pytest.mark.slow
@tier(DEEP)
@given(recipe_texts | random_texts.map(str.encode))
def test_many_edited_recipes(content: bytes) -> None:
    judge_recipe_text(content)


LAUGHS = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
MERGED_LAUGHS = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "line 5, column .*: it stands for more than 50000 values"),
        (MERGED_LAUGHS, "it stands for more than 50000 values"),
        ("a: &a [*a]", "line 1, column 8: 'a' stands inside itself"),
        ("a: &a {b: *a}", "'a' stands inside itself"),
        ("[" * 200_000, "nested deeper than 50 levels"),
        ("- " * 200_000, "nested deeper than 50 levels"),
        ("a: 0x" + "f" * 5000, "a number of 5002 characters is too long"),
        ("a: 1" + ":1" * 3000, "is too long"),
        ("a: 1" + ":1" * 3000 + ".0", "is too long"),
        ("a: " + "9" * 5000, "is too long"),
        ("a: !!bool x", "not what its tag says"),
        ("a: !!int x", "invalid literal"),
        ("a: !!binary aGk=", "the tag .*binary' is not known"),
        ("a: !!set {b}", "the tag .*set' is not known"),
        ("a: !thing 1", "the tag '!thing' is not known"),
        ('a: "\\0"', "is no text"),
    ],
)
def test_yaml_is_read_within_bounds(text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        parse_yaml(text, "f.yaml")
    assert str(caught.value).startswith("f.yaml: ")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"high": 2**31, "step": 0.001}, "at most 100000 steps"),
        ({"high": float("inf")}, "finite number"),
        ({"high": 1e308, "step": 1e-300}, "at most 100000 steps"),
        ({"layer_groups": 2**31}, "give a number of groups"),
        ({"layer_groups": 2**63}, "give a number of groups"),
        ({"layer_groups": [0, 10**9]}, "the edges of groups"),
        ({"layer_groups": {"auto": 10**9}}, "give a number of groups"),
    ],
)
def test_ranges_have_bounds(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        changed(0, ("models", 0, "parameters", "weight"), {"low": 0.0, "high": 1.0} | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"high": 1e30}, "must be a whole number"),
        ({"step": 0.5}, "max_iter is whole, and so must step be"),
    ],
)
def test_ranges_of_whole_numbers_are_whole(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        changed(3, ("parameters", "max_iter"), {"low": 1, "high": 100} | change)


@pytest.mark.parametrize(
    "value", [float("nan"), None, 3, [], {"sources": []}, {"sources": [[]]}, {"sources": [3]}]
)
def test_a_slice_that_is_none_is_refused_and_not_dropped(value: Any) -> None:
    for place in (0, 2, 3):
        with pytest.raises(RecipeError, match="slices"):
            changed(1, ("slices", place), value)


@pytest.mark.parametrize("bound", [float("inf"), 10**9, -1, 0.5, "x", None])
def test_the_layers_of_a_slice_have_bounds(bound: Any) -> None:
    with pytest.raises(RecipeError):
        changed(1, ("slices", 2, "layer_range"), [0, bound])
    with pytest.raises(RecipeError):
        changed(1, ("slices", 0, "sources", 0, "layer_range"), [bound, {"low": 12, "high": 20}])


@pytest.mark.parametrize(("key", "value"), [("layers", 10**9), ("repeats", 10**9)])
def test_a_layer_map_has_bounds(key: str, value: int) -> None:
    with pytest.raises(RecipeError, match="layer_map"):
        changed(2, ("layer_map", key), value)


def changed(number: int, path: tuple[Any, ...], value: Any) -> None:
    """Use a sound space with one value changed."""
    data = copy.deepcopy(PLAIN[number])
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    use(make_space(data, Path("/nowhere/space.yaml")))


@pytest.mark.parametrize("number", range(len(PLAIN)))
def test_the_spaces_that_are_changed_are_sound(number: int) -> None:
    use(make_space(copy.deepcopy(PLAIN[number]), Path("/nowhere/space.yaml")))


def test_a_folder_may_be_called_like_a_date() -> None:
    assert parse_yaml("model: 2026-01-31", "f") == {"model": "2026-01-31"}


def test_aliases_within_bounds_are_what_they_stand_for() -> None:
    assert parse_yaml("a: &a [1, 2]\nb: [*a, *a]", "f")["b"] == [[1, 2], [1, 2]]
