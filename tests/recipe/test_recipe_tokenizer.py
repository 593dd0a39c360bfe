"""The keys about tokenizers and chat templates: read, written back, moved."""

import jinja2.sandbox
import pytest

from optimerge.errors import RecipeError
from optimerge.recipe.chat_templates import TEMPLATES
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import recipe_data, recipe_text, with_references

HEAD = "merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 1}}\n"
FULL = """\
tokenizer:
  source: a
  tokens:
    <x>: {source: a, force: true}
    <y>: {source: {kind: zero}}
    <z>: {source: {kind: model_token, model: a, token_id: 0}}
    source: {}
  pad_to_multiple_of: 8
"""


def parsed(text: str) -> Recipe:
    return parse_recipe(HEAD + text)


def test_rules_are_written_back_as_they_were_given() -> None:
    recipe = parsed(FULL)
    assert recipe_data(recipe)["tokenizer"]["tokens"] == {
        "<x>": {"source": "a", "force": True},
        "<y>": {"source": {"kind": "zero"}, "force": False},
        "<z>": {"source": {"kind": "model_token", "model": "a", "token_id": 0}, "force": False},
        "source": {"force": False},
    }
    assert parse_recipe(recipe_text(recipe)) == recipe


def test_models_in_rules_are_moved_with_the_others() -> None:
    moved = recipe_data(with_references(parsed(FULL), {"a": "/models/a"}))["tokenizer"]
    assert moved["source"] == "/models/a"
    assert moved["tokens"]["<x>"]["source"] == "/models/a"
    assert moved["tokens"]["<z>"]["source"]["model"] == "/models/a"


def test_base_and_union_are_words_and_no_models() -> None:
    for key in ("tokenizer_source: base\n", "tokenizer: {source: base}\n"):
        moved = with_references(parsed(key), {"base": "/models/base"})
        assert moved.output_tokenizer == parsed(key).output_tokenizer


def test_both_keys_mean_the_same() -> None:
    old, new = parsed("tokenizer_source: union\n"), parsed("tokenizer: {source: union}\n")
    assert old.output_tokenizer == new.output_tokenizer
    assert parsed("").output_tokenizer is None


@pytest.mark.parametrize(
    "template", ["auto", "chatml", "{{ messages }}", "{% for m in messages %}"]
)
def test_chat_templates_that_mean_something(template: str) -> None:
    assert parse_recipe(f'{HEAD}chat_template: "{template}"\n').chat_template == template


@pytest.mark.parametrize("template", ["llama-3", "", "Hello, world!"])
def test_other_chat_templates_are_refused(template: str) -> None:
    with pytest.raises(RecipeError, match="neither a known name nor a Jinja template"):
        parse_recipe(f'{HEAD}chat_template: "{template}"\n')


TALK = [
    {"role": "system", "content": "S"},
    {"role": "user", "content": "U"},
    {"role": "assistant", "content": "A"},
    {"role": "user", "content": "V"},
]
SAID = {
    "chatml": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "alpaca": "S\n\n### Instruction:\nU\n\n### Response:\nA\n\n### Instruction:\nV\n\n### Response:\n",
    "mistral": "<s> [INST] S\n\nU [/INST] A</s> [INST] V [/INST]",
    "exaone": "[|system|]S[|endofturn|]\n[|user|]U\n[|assistant|]A[|endofturn|]\n[|user|]V\n[|assistant|]",
}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_named_template_writes_its_format(name: str) -> None:
    # As transformers sets the environment up.
    jinja = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    said = jinja.from_string(TEMPLATES[name]).render(
        messages=TALK, add_generation_prompt=True, bos_token="<s>", eos_token="</s>"
    )
    assert said == SAID[name]
