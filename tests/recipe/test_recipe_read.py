"""Reading recipes: what is refused, and in which words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimerge.errors import OptimergeError, RecipeError
from optimerge.recipe.read import parse_recipe, read_recipe
from optimerge.recipe.write import recipe_data, recipe_text, with_references

GOOD = """
merge_method: dare_ties
base_model: base
models:
  - model: a
    parameters: {weight: 0.5, density: [0.1, 0.9]}
  - model: b
    parameters: {weight: [{filter: mlp, value: 0.3}, {value: 0.1}]}
parameters: {normalize: false, lambda: 1.2}
dtype: float32
out_dtype: bfloat16
"""


def test_a_recipe_reads_and_writes_back_the_same() -> None:
    first = parse_recipe(GOOD)
    again = parse_recipe(recipe_text(first))
    assert again == first
    assert recipe_text(again) == recipe_text(first)


def test_references_come_base_first_and_once_each() -> None:
    assert parse_recipe(GOOD).references() == ("base", "a", "b")


def test_the_order_of_keys_in_a_written_recipe_is_the_usual_one() -> None:
    assert list(recipe_data(parse_recipe(GOOD)))[:3] == ["merge_method", "base_model", "models"]


@pytest.mark.parametrize(
    "part", ["{low: 0, high: 1}", "[0.1, {low: 0, high: 1}]", "{choices: [0, 1]}"]
)
def test_a_search_space_is_no_recipe(part: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD.replace("weight: 0.5", f"weight: {part}"))
    with pytest.raises(RecipeError, match=r"mine.yaml: is a search space, .*`optimerge export`"):
        read_recipe(file)


def test_references_can_be_replaced() -> None:
    moved = with_references(parse_recipe(GOOD), {"a": "/models/a", "base": "/models/base"})
    assert moved.references() == ("/models/base", "/models/a", "b")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "density:",
            "densty:",
            "models[0].parameters: dare_ties has no parameter 'densty'; did you mean 'density'?",
        ),
        ("base_model:", "base_modell:", "unknown key 'base_modell'; did you mean 'base_model'?"),
        ("merge_method: dare_ties", "merge_method: dare-ties", "did you mean 'dare_ties'?"),
        ("merge_method: dare_ties", "", "the key 'merge_method' is missing"),
        ("  - model: a\n", "  - modl: a\n", "models[0]: "),
        ("weight: 0.5", "weight: heavy", "weight is 'heavy', and must be a number"),
        ("[0.1, 0.9]", "[0.1, 1.9]", "density is 1.9, and must lie between 0 and 1"),
        ("base_model: base", "", "dare_ties needs a base_model"),
        ("- model: b", "- model: a", "the model 'a' is given twice"),
        ("dtype: float32", "dtype: float31", "dtype: "),
        ("lambda: 1.2", "lambda: 1.2, lambda: 1.3", "the key 'lambda' is given twice"),
        ("models:", "models: [", "line "),
        (
            "out_dtype: bfloat16",
            "slices: [{sources: [{model: a, layer_range: [3, 3]}]}]",
            "holds no layer",
        ),
        (
            "out_dtype: bfloat16",
            "slices: [{sources: [{model: a, layer_range: [0, 3]}]}]",
            "exactly one of",
        ),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_sentence(old: str, new: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD.replace(old, new, 1), "my.yaml")
    message = str(caught.value)
    assert words in message
    assert message.startswith("my.yaml: ")
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nothing\.yaml: no such file"):
        read_recipe(tmp_path / "nothing.yaml")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(RecipeError, match="is no recipe"):
        read_recipe(tmp_path / "big.yaml")


def test_yaml_tags_build_no_objects() -> None:
    with pytest.raises(RecipeError, match="python/object"):
        parse_recipe("merge_method: !!python/object/apply:os.system [true]")


def test_a_list_that_must_not_be_empty_says_how_many_it_needs() -> None:
    with pytest.raises(RecipeError, match=r"^recipe: models: has none; give at least 1$"):
        parse_recipe("merge_method: linear\nmodels: []\n")


@pytest.mark.parametrize("method", ["slerp", "passthrough"])
def test_the_number_of_models_is_checked(method: str) -> None:
    text = f"merge_method: {method}\nbase_model: base\nmodels: [{{model: a}}, {{model: b}}]\n"
    with pytest.raises(RecipeError, match="exactly 1 model"):
        parse_recipe(text)


plain = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "models", "parameters", "weight", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.text(max_size=60) | plain.map(repr))
def test_whatever_is_read_only_our_errors_come_out(text: str) -> None:
    with pytest.raises(OptimergeError):
        parse_recipe("merge_method: ties\nmodels: " + text)
    with pytest.raises(OptimergeError):
        parse_recipe(text)


def test_an_empty_block_of_parameters_has_none() -> None:
    text = "merge_method: karcher\nmodels:\n- {model: a, parameters: }\n- model: b\nparameters:\n"
    assert recipe_data(parse_recipe(text))["models"] == [{"model": "a"}, {"model": "b"}]


def test_merge_keys_share_parameters_and_may_be_overridden() -> None:
    recipe = parse_recipe(
        "merge_method: ties\nbase_model: base\nmodels:\n"
        "- {model: a, parameters: &most {weight: 0.5, density: 0.3}}\n"
        "- {model: b, parameters: &other {<<: *most, weight: 0.7}}\n"
        "- {model: c, parameters: {<<: *other, density: 0.9}}\n"
    )
    given = [model["parameters"] for model in recipe_data(recipe)["models"]]
    assert given[1:] == [{"weight": 0.7, "density": 0.3}, {"weight": 0.7, "density": 0.9}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{weight: 1, weight: 2}", "the key 'weight' is given twice"),
        ("{<<: {weight: 1}, <<: {weight: 2}}", "the key '<<' is given twice"),
        ("{3: 1}", "the key 3 is not text"),
        ("{[a]: 1}", "the key of several values is not text"),
    ],
)
def test_odd_keys_are_refused_in_any_block(text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse_recipe(f"merge_method: linear\nmodels: [{{model: a, parameters: {text}}}]\n")


SLICED = (
    "merge_method: {}\nbase_model: base\nslices:\n"
    "- sources: [{{model: a, layer_range: [0, 2]}}, {{model: b, layer_range: [0, 2]}}]\n"
)


def test_a_base_that_no_slice_lists_is_no_input_of_a_method_that_knows_none() -> None:
    parse_recipe(SLICED.format("karcher"))
    one = SLICED.format("passthrough").replace(", {model: b, layer_range: [0, 2]}", "")
    parse_recipe(one)
    with pytest.raises(RecipeError, match="passthrough merges exactly 1 model; 2 given"):
        parse_recipe("merge_method: passthrough\nbase_model: base\nmodels: [{model: a}]\n")
