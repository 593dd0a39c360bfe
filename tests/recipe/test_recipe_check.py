"""How many models a method merges, which base it needs, which numbers it has."""

import pytest

from optimerge.errors import RecipeError
from optimerge.methods.registry import method_named
from optimerge.recipe.check import check_parameter
from optimerge.recipe.read import parse_recipe


def models(*names: str) -> str:
    return "models: [" + ", ".join(f"{{model: {name}}}" for name in names) + "]\n"


def slices(*names: str, base: str = "") -> str:
    sources = ", ".join(f"{{model: {name}, layer_range: [0, 2]}}" for name in names)
    return "slices:\n- sources: [" + sources + "]\n" + (f"  base_model: {base}\n" if base else "")


BASE = "base_model: base\n"


@pytest.mark.parametrize(
    ("method", "inputs"),
    [
        ("slerp", BASE + models("base", "a")),  # the base may be listed among the models
        ("slerp", BASE + models("a")),
        ("slerp", BASE + slices("base", "a")),
        ("slerp", slices("base", "a", base="base")),  # every slice has a base of its own
        ("ties", slices("a", base="base") + slices("b", base="a")[8:]),
        ("karcher", BASE + models("a")),  # a base is one more input of a method that has none
        ("karcher", models("a", "b")),
        ("passthrough", models("a")),
        ("passthrough", BASE + models("base")),
        ("passthrough", BASE + slices("a")),
        ("linear", BASE + models("a", "b", "c")),
    ],
)
def test_the_right_number_of_models_is_taken(method: str, inputs: str) -> None:
    parse_recipe(f"merge_method: {method}\n{inputs}")


@pytest.mark.parametrize(
    ("method", "inputs", "words"),
    [
        (
            "slerp",
            BASE + models("a", "b"),
            "models: slerp merges exactly 1 model beside the base model; 2 given",
        ),
        (
            "slerp",
            BASE + models("base"),
            "models: slerp merges exactly 1 model beside the base model; 0 given",
        ),
        (
            "slerp",
            slices("base", "a", "b", base="base"),
            "slices[0]: slerp merges exactly 1 model beside the base model; 2 given",
        ),
        (
            "slerp",
            BASE + slices("a", "b"),
            "slices[0]: slerp merges exactly 1 model beside the base model; 2 given",
        ),
        (
            "model_stock",
            BASE + models("a"),
            "models: model_stock merges at least 2 models beside the base model; 1 given",
        ),
        (
            "passthrough",
            BASE + models("a"),
            "models: passthrough merges exactly 1 model; 2 given",
        ),
        ("passthrough", models("a", "b"), "models: passthrough merges exactly 1 model; 2 given"),
        ("linear", models("a", "b", "b"), "models: the model 'b' is given twice; give it once"),
        ("ties", slices("a"), "ties needs a base_model; add `base_model: MODEL`"),
        (
            "ties",
            slices("a", base="base") + slices("b")[8:],
            "ties needs a base_model; add `base_model: MODEL`",
        ),
        ("ties", models("a"), "ties needs a base_model; add `base_model: MODEL`"),
    ],
)
def test_another_number_of_models_is_refused(method: str, inputs: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f"merge_method: {method}\n{inputs}", "my.yaml")
    assert str(caught.value) == f"my.yaml: {words}"


@pytest.mark.parametrize(
    ("method", "name", "words"),
    [
        ("ties", "densty", "ties has no parameter 'densty'; did you mean 'density'?"),
        ("ties", "zzz", "ties has no parameter 'zzz'; it has "),
        ("passthrough", "zzz", "passthrough has no parameter 'zzz'; it has scale"),
        ("arcee_fusion", "zzz", "arcee_fusion has no parameter 'zzz'; it has none"),
    ],
)
def test_an_unknown_parameter_is_refused_with_what_there_is(
    method: str, name: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        check_parameter(method_named(method), name, None, "here")
    assert words in str(caught.value)


@pytest.mark.parametrize("value", ["", "null", "[0.1, 0.9]", "[{filter: mlp, value: null}]"])
def test_a_number_that_is_left_empty_or_runs_over_layers_is_taken(value: str) -> None:
    parse_recipe(
        f"merge_method: ties\n{BASE}models:\n- model: a\n  parameters:\n    density: {value}\n"
    )


@pytest.mark.parametrize(
    "value", ["[0.1, 1.9]", "[{filter: mlp, value: 1.9}]", "[{filter: mlp, value: [0.1, 1.9]}]"]
)
def test_every_number_of_a_value_is_looked_at(value: str) -> None:
    with pytest.raises(RecipeError, match=r"density is 1\.9, and must lie between 0 and 1"):
        parse_recipe(
            f"merge_method: ties\n{BASE}models: [{{model: a, parameters: {{density: {value}}}}}]\n"
        )


def test_a_wrong_chat_template_gets_a_hint_or_the_list() -> None:
    text = f"merge_method: linear\n{models('a', 'b')}chat_template: "
    with pytest.raises(RecipeError, match=r"'llama-3' is neither .*; did you mean 'llama3'"):
        parse_recipe(f"{text}llama-3\n")
    with pytest.raises(RecipeError, match="; known: auto, chatml, llama3, alpaca, mistral, exaone"):
        parse_recipe(f"{text}zzz zzz\n")
    with pytest.raises(RecipeError, match=f"chat_template: '{'z' * 60}' is neither"):
        parse_recipe(f"{text}{'z' * 61}\n")
