"""The schema of recipes, by which editors complete them: method by method, from the declarations."""

from typing import Any

import pytest
from jsonschema import Draft7Validator

from optimerge.methods.registry import own_methods
from optimerge.recipe.json_schema import recipe_schema

METHODS = ("linear", "ties", "slerp")


def schema() -> dict[str, Any]:
    return recipe_schema({name: own_methods()[name] for name in METHODS})


def recipe(method: str, **parameters: Any) -> dict[str, Any]:
    models = [{"model": "a", "parameters": parameters}, {"model": "b", "parameters": parameters}]
    return {"merge_method": method, "base_model": "c", "models": models}


def test_it_is_a_schema_with_a_part_for_every_method() -> None:
    made = schema()
    Draft7Validator.check_schema(made)
    assert {f"recipe_of_{name}" for name in METHODS} <= made["definitions"].keys()
    assert made["properties"]["merge_method"]["enum"] == list(METHODS)


@pytest.mark.parametrize(
    ("given", "sound"),
    [
        (recipe("ties", weight=0.5, density=0.3), True),
        (recipe("linear", weight=[0.1, 0.9]), True),
        (recipe("ties", weight=0.5, t=0.3), False),
        (recipe("linear", weight=0.5, density=0.3), False),
        (recipe("tise", weight=0.5), False),
        (recipe("ties", weight="heavy"), False),
        ({k: v for k, v in recipe("ties", weight=1).items() if k != "base_model"}, False),
        ({k: v for k, v in recipe("linear", weight=1).items() if k != "base_model"}, True),
        ({**recipe("linear", weight=1), "modles": []}, False),
    ],
)
def test_a_recipe_is_sound_by_it_or_not(given: dict[str, Any], sound: bool) -> None:
    assert Draft7Validator(schema()).is_valid(given) is sound
