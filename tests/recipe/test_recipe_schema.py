"""The shape of a recipe: slices, modules, tokens; what is refused in them, and in which words."""

import pytest

from optimerge.errors import RecipeError
from optimerge.recipe.check import parameter_blocks
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import recipe_data, recipe_text, with_references

HEAD = "merge_method: linear\nmodels: [{model: a}, {model: b}]\n"
SLICED = "merge_method: linear\nslices: [{{sources: [{}]}}]\n"
MODULES = """\
merge_method: linear
modules:
  default:
    slices:
    - sources:
      - {model: a, layer_range: [0, 2], parameters: {weight: 0.25}}
      - {model: b, layer_range: [2, 4]}
      base_model: c
      parameters: {weight: 0.5}
    parameters: {normalize: false}
  vision: {models: [{model: d, parameters: {weight: 0.75}}, {model: e}]}
base_model: f
"""


def parsed(text: str) -> Recipe:
    return parse_recipe(text, "my.yaml")


def test_every_model_is_named_once_in_the_order_of_the_file() -> None:
    assert parsed(MODULES).references() == ("f", "c", "a", "b", "d", "e")


def test_models_of_modules_and_slices_are_moved() -> None:
    moved = with_references(parsed(MODULES), {"c": "/c", "b": "/b", "e": "/e"})
    assert moved.references() == ("f", "/c", "a", "/b", "d", "/e")


def test_each_block_of_parameters_is_named_by_its_place() -> None:
    named = {where: sorted(block) for where, block in parameter_blocks(parsed(MODULES))}
    assert named == {
        "parameters": [],
        "modules.default.parameters": ["normalize"],
        "modules.default.slices[0].parameters": ["weight"],
        "modules.default.slices[0].sources[0].parameters": ["weight"],
        "modules.default.slices[0].sources[1].parameters": [],
        "modules.vision.parameters": [],
        "modules.vision.models[0].parameters": ["weight"],
        "modules.vision.models[1].parameters": [],
    }


def test_a_recipe_of_modules_is_written_back_as_it_was_given() -> None:
    recipe = parsed(MODULES)
    assert parsed(recipe_text(recipe)) == recipe
    assert list(recipe_data(recipe)) == ["merge_method", "base_model", "modules"]


def test_the_length_of_a_source_is_its_layers() -> None:
    slices = parsed(MODULES).modules["default"].slices  # type: ignore[index]
    assert slices is not None
    assert [source.length for source in slices[0].sources] == [2, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            SLICED.format("{model: a, layer_range: [3, 2]}"),
            "slices[0].sources[0]: layer_range [3, 2] holds no layer: [start, end)",
        ),
        (SLICED.format("{model: a, layer_range: [-1, 2]}"), "sources[0].layer_range[0]: "),
        (
            SLICED.format("{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 3]}"),
            "slices[0]: all sources of a slice need as many layers; got [2, 3]",
        ),
        (SLICED.format(""), "slices[0].sources: "),
        ("merge_method: linear\n", "give exactly one of models, slices, modules; found none"),
        (
            f"{HEAD}modules: {{}}\n",
            "give exactly one of models, slices, modules; found models and modules",
        ),
        (
            f"{HEAD}tokenizer_source: base\ntokenizer: {{source: a}}\n",
            "give tokenizer or tokenizer_source, not both",
        ),
        (
            "merge_method: linear\nmodules: {default: {modles: [{model: a}]}}\n",
            "modules.default: unknown key 'modles'; did you mean 'models'?",
        ),
        (
            SLICED.format("{model: a, layer_rnge: [0, 1]}"),
            "slices[0].sources[0]: unknown key 'layer_rnge'; did you mean 'layer_range'?",
        ),
        (
            f"{HEAD}tokenizer: {{tokens: {{x: {{zzz: 1}}}}}}\n",
            "tokenizer.tokens.x: unknown key 'zzz'; known: source, force",
        ),
        (
            f"{HEAD}tokenizer: {{sourc: a}}\n",
            "tokenizer: unknown key 'sourc'; did you mean 'source'",
        ),
        (
            "merge_method: linear\nmodels: [{model: a, parameters: {weight: {filter: mlp}}}]\n",
            "my.yaml: models[0].parameters.weight[0]: the key 'value' is missing",
        ),
        (f"{HEAD}zzz: 1\n", "my.yaml: unknown key 'zzz'; known: models, slices, parameters, "),
        (f"{HEAD}models: []\n", "the key 'models' is given twice"),
        (
            "merge_method: linear\nmodels: [{parameters: {weight: 1}}]\n",
            "models[0]: the key 'model' is missing",
        ),
        ("models: [{model: a}]\n", "my.yaml: the key 'merge_method' is missing"),
        (f"{HEAD}dtype: float31\n", "dtype: input should be 'bfloat16', "),
        (f"{HEAD}dtype: float31\n", " (it is 'float31')"),
    ],
)
def test_a_wrong_shape_is_refused_by_its_place(text: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parsed(text)
    assert words in str(caught.value)


def test_a_missing_key_is_said_after_a_misspelt_one() -> None:
    with pytest.raises(RecipeError, match=r"models\[0\]: unknown key 'modl'; did you mean 'model'"):
        parsed("merge_method: linear\nmodels: [{modl: a}]\n")


def token(rule: str) -> str:
    return f"{HEAD}tokenizer: {{source: union, tokens: {{<x>: {rule}}}}}\n"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{source: {token: y}}", "the source of a token has no kind; give the name of a model"),
        ("{source: {kind: model, model: a}}", "the source of a token has the kind 'model'; give"),
        ("{source: {kind: model_token, token: y}}", "model_token needs a model, and either"),
        ("{source: {kind: model_token, model: a}}", "model_token needs a model, and either"),
        (
            "{source: {kind: model_token, model: a, token: y, token_id: 3}}",
            "model_token needs a model, and either token or token_id",
        ),
        ("{source: {kind: model_token, model: a, token_id: -1}}", "token_id: "),
        ("{source: {kind: zero, token: y}}", "token and token_id belong to {kind: model_token}"),
        ("{source: {kind: zero, token_id: 0}}", "token and token_id belong to"),
        ("{source: {kind: zero, model: a}}", "{kind: zero} takes no model"),
        ("{force: true}", "force needs a source: a model, {kind: zero} or a model_token"),
        (
            "{source: zzz}",
            "tokenizer.tokens['<x>']: 'zzz' is none of the recipe's models; they are a, b",
        ),
        ("{source: {kind: model_token, model: zz, token: y}}", "'zz' is none of the recipe's"),
    ],
)
def test_a_wrong_rule_for_a_token_is_refused(rule: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parsed(token(rule))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "rule",
    [
        "{source: {kind: zero}, force: true}",
        "{source: {kind: model_token, model: a, token: y}}",
        "{source: {kind: model_token, model: b, token_id: 0}}",
        "{force: false}",
    ],
)
def test_right_rules_for_a_token_are_read(rule: str) -> None:
    assert parsed(token(rule)).output_tokenizer is not None


def test_models_of_tokens_that_are_misspelt_get_a_hint() -> None:
    text = token("{source: modell}").replace("model: a}", "model: model}")
    with pytest.raises(RecipeError, match="did you mean 'model'"):
        parsed(text)


def test_the_smallest_padding_is_one() -> None:
    assert parsed(f"{HEAD}tokenizer: {{pad_to_multiple_of: 1}}\n").tokenizer is not None
    with pytest.raises(RecipeError, match=r"tokenizer\.pad_to_multiple_of: "):
        parsed(f"{HEAD}tokenizer: {{pad_to_multiple_of: 0}}\n")


def test_a_range_of_layers_may_begin_at_the_first_and_hold_one() -> None:
    assert parsed(SLICED.format("{model: a, layer_range: [0, 1]}")).slices is not None
