"""`optimerge schema`: the committed schemas are current, take what we take and refuse what we refuse."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft7Validator

from optimerge.cli.main import run
from optimerge.cli.schema import json_text
from optimerge.errors import OptimergeError
from optimerge.methods.protocol import MergeMethod
from optimerge.methods.registry import all_methods
from optimerge.recipe.json_schema import recipe_schema
from optimerge.recipe.read import parse_recipe, read_yaml
from optimerge.search.samplers.chosen import chosen_sampler
from optimerge.search.samplers.registry import SAMPLERS
from optimerge.space.json_schema import space_schema
from optimerge.space.objectives import KINDS
from optimerge.space.read import make_space
from optimerge.space.schema import SearchSettings

FOLDER = Path(__file__).parents[2] / "search_spaces"
FILES = sorted(FOLDER.glob("*.yaml"))
Data = dict[str, Any]


def own_methods() -> dict[str, MergeMethod]:
    """Those of this package: plug-ins may be installed too."""
    known = all_methods().items()
    return {n: m for n, m in known if m.kernel.__module__.startswith("optimerge.")}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Data]:
    samplers = {name: SAMPLERS[name].options_schema for name in sorted(SAMPLERS)}
    return {
        "schema.json": space_schema(own_methods(), samplers),
        "recipe.schema.json": recipe_schema(own_methods()),
    }


@pytest.fixture(scope="module")
def space_ok() -> Draft7Validator:
    return Draft7Validator(json.loads((FOLDER / "schema.json").read_text()))


@pytest.fixture(scope="module")
def recipe_ok() -> Draft7Validator:
    return Draft7Validator(json.loads((FOLDER / "recipe.schema.json").read_text()))


@pytest.mark.parametrize("name", ["schema.json", "recipe.schema.json"])
def test_the_committed_schema_is_current_and_sound(name: str, schemas: dict[str, Data]) -> None:
    Draft7Validator.check_schema(schemas[name])
    assert (FOLDER / name).read_text() == json_text(schemas[name]), (
        f"write it anew: optimerge schema {'recipe ' * ('recipe' in name)}-o search_spaces/{name}"
    )


@pytest.mark.parametrize("name", ["schema.json", "recipe.schema.json"])
def test_every_reference_leads_somewhere(name: str, schemas: dict[str, Data]) -> None:
    known = set(schemas[name]["definitions"])
    asked = {each.removeprefix("#/definitions/") for each in references(schemas[name])}
    assert asked <= known


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_example_is_a_search_space_to_an_editor(
    file: Path, space_ok: Draft7Validator
) -> None:
    space_ok.validate(read_yaml(file))


TWO = {"model": "org/a-7b", "parameters": {"weight": {"low": 0, "high": 1}}}
SPACE: Data = {
    "merge_method": "dare_ties",
    "base_model": "org/base-7b",
    "models": [TWO],
    "objectives": [{"task": "gsm8k"}],
}


def changed(**keys: Any) -> Data:
    return {**copy.deepcopy(SPACE), **keys}


def weight(value: Any, method: str = "dare_ties") -> Data:
    models = [{"model": "org/a-7b", "parameters": {"weight": value}}]
    return changed(models=models, merge_method=method)


GOOD = [
    weight(0.5),
    weight([0.0, 0.5, 1]),
    weight([{"low": 0, "high": 1}, 1]),
    weight([{"filter": "mlp", "value": {"choices": [0, 1]}}, {"value": [0, 0.5]}]),
    weight({"low": 0.1, "high": 1, "log": True, "layer_groups": "each"}),
    weight({"low": 0, "high": 1, "step": 0.1, "layer_groups": [0, 4, 8]}),
    weight({"choices": [0.1, 0.5], "layer_groups": {"auto": 6}, "filters": ["mlp"]}),
    weight("1e-1"),
    changed(merge_method={"choices": ["ties", "magmax"]}),
    changed(parameters=None),
    changed(parameters={"normalize": {"choices": [True, False]}, "lambda": {"low": 1, "high": 2}}),
    changed(tokenizer={"source": "base", "tokens": {"<a>": {"source": "org/a-7b"}}}),
    changed(search={"sampler": {"name": "nsga2", "population_size": 30}, "until": "07:00"}),
    changed(search={"sampler": "mine:Sampler", "racing": False, "device_map": {"model": 0}}),
    changed(search={"sampler": {"name": "optuna.samplers:TPESampler", "multivariate": True}}),
    changed(objectives=[{"drift": "a.txt", "at_most": 1, "optimize": False}, {"task": "a"}]),
    {"layer_map": {"models": ["org/a", "org/b"], "layers": 32}, "objectives": [{"task": "a"}]},
    changed(modules={"default": {"models": [TWO]}}) | {"models": ...},
]
BAD = [
    (changed(basemodel="a"), "'basemodel'"),
    (changed(merge_method="dare_tise"), "dare_tise"),
    (changed(merge_method={"choices": ["ties", "tise"]}), "tise"),
    (weight({"low": 0, "hihg": 1}), ""),
    (weight({"low": "a", "high": 1}), ""),
    (weight(0.5, method="slerp"), "'weight'"),
    (changed(parameters={"densty": 1}), "'densty'"),
    (changed(parameters={"density": 3}), ""),
    (changed(parameters={"density": {"low": 0, "high": 3}}), ""),
    (changed(objectives=[]), ""),
    (changed(objectives=[{"taks": "gsm8k"}]), ""),
    (changed(objectives=[{"task": "gsm8k", "serach_items": 3}]), ""),
    (changed(objectives=[{"sparsity": "nonzeros"}]), ""),
    (changed(objectives=[{"task": "gsm8k", "search_items": "many"}]), ""),
    (changed(search={"trails": 3}), "'trails'"),
    (changed(search={"sampler": "atuo"}), "atuo"),
    (changed(search={"sampler": {"name": "nsga2", "populationsize": 30}}), ""),
    (changed(search={"until": 420}), ""),
    (changed(slices=[]), ""),
    ({k: v for k, v in SPACE.items() if k != "objectives"}, "'objectives'"),
    ({k: v for k, v in SPACE.items() if k != "base_model"}, "'base_model'"),
]


@pytest.mark.parametrize("data", GOOD)
def test_what_a_space_may_say_is_right_to_an_editor_and_to_us(
    data: Data, space_ok: Draft7Validator
) -> None:
    data = {k: v for k, v in data.items() if v is not ...}
    space_ok.validate(data)
    make_space(copy.deepcopy(data), Path("space.yaml"))


@pytest.mark.parametrize(("data", "words"), BAD)
def test_what_a_space_may_not_say_is_wrong_to_an_editor_and_to_us(
    data: Data, words: str, space_ok: Draft7Validator
) -> None:
    with pytest.raises(jsonschema.ValidationError) as caught:
        space_ok.validate(data)
    said = [caught.value, *(caught.value.context or ())]
    assert any(words in each.message for each in said), [each.message for each in said]
    with pytest.raises(OptimergeError):
        chosen_sampler(make_space(copy.deepcopy(data), Path("space.yaml")))


@pytest.mark.parametrize(
    "data", [weight(True), changed(parameters={"normalize": {"low": 0, "high": 1}})]
)
def test_an_editor_is_stricter_where_a_value_is_hardly_meant(
    data: Data, space_ok: Draft7Validator
) -> None:
    assert not space_ok.is_valid(data)


@pytest.mark.parametrize("name", sorted(own_methods()))
def test_each_method_has_its_own_parameters_and_no_others(
    name: str, space_ok: Draft7Validator, recipe_ok: Draft7Validator
) -> None:
    method = own_methods()[name]
    given = {p.name: p.default if not p.required else 0.5 for p in method.parameters}
    recipe = {
        "merge_method": name,
        "base_model": "org/base",
        "models": [{"model": "org/a", "parameters": {"weight": 0.5} if "weight" in given else {}}],
        "parameters": given,
    }
    recipe_ok.validate(recipe)
    space_ok.validate({**recipe, "objectives": [{"task": "gsm8k"}]})
    recipe["parameters"] = {**given, "no_such": 1}
    assert not recipe_ok.is_valid(recipe)
    assert not space_ok.is_valid({**recipe, "objectives": [{"task": "gsm8k"}]})


def test_a_recipe_holds_no_ranges(recipe_ok: Draft7Validator) -> None:
    plain = "{merge_method: linear, models: [{model: a, parameters: {weight: %s}}]}"
    recipe_ok.validate(
        {"merge_method": "linear", "models": [{"model": "a", "parameters": {"weight": 1}}]}
    )
    parse_recipe(plain % "1")
    ranged = {
        "merge_method": "linear",
        "models": [{"model": "a", "parameters": {"weight": {"low": 0, "high": 1}}}],
    }
    assert not recipe_ok.is_valid(ranged)
    with pytest.raises(OptimergeError):
        parse_recipe(plain % "{low: 0, high: 1}")


def test_every_key_is_explained(schemas: dict[str, Data]) -> None:
    for name, schema in schemas.items():
        found = schema["definitions"]
        classes = {k: v for k, v in found.items() if k[:1].isupper() and "properties" in v}
        assert len(classes) >= (8 if "recipe" in name else 20)
        for place, each in {name: schema, **classes}.items():
            said = {key for key, value in each["properties"].items() if "description" in value}
            assert set(each["properties"]) - said == set(), place
    settings = schemas["schema.json"]["definitions"]["SearchSettings"]["properties"]
    assert set(settings) == set(SearchSettings.model_fields)
    for kind, model in KINDS.items():
        found = schemas["schema.json"]["definitions"][model.__name__]
        assert found["required"][0] == kind


def test_the_command_writes_what_is_committed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "made.json"
    assert run(["schema", "recipe", "-o", str(file)]) == 0
    assert run(["schema", "recipe"]) == 0
    assert capsys.readouterr().out == file.read_text()
    assert json.loads(file.read_text())["title"] == "optimerge recipe"
    assert run(["schema", "-o", str(tmp_path / "no" / "made.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err
