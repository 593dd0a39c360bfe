"""Writes a recipe of a method that mergekit lacks as one that it has, where that is possible.

So far that is `lines`: a scale that is linear in depth is a gradient of task arithmetic's lambda.
mergekit gives embeddings, final norm and head the first value of a gradient, which is what LiNeS
gives them; but a gradient begins anew in every slice, so only a recipe of one slice can be
written so. The same tensors come out, bit for bit.
"""

from collections.abc import Iterator
from typing import Any

from optimerge.export.listed import mergekit_stops
from optimerge.methods.parameters import real
from optimerge.methods.protocol import Number
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Parameters, Recipe
from optimerge.recipe.values import coerce
from optimerge.recipe.write import recipe_data

LINES = "lines"


def as_mergekit(recipe: Recipe) -> Recipe:
    """Return a recipe that mergekit builds to the same tensors, or the recipe as it is.

    As it is: if mergekit has the method, or if there is no way to write it so (most methods;
    `lines` in several slices, of int8 task vectors, or with an alpha or beta that is itself a
    gradient or filtered).
    """
    if recipe.block.task_vectors:
        return recipe  # its own kernel and the fused one round steps differently
    if recipe.merge_method != LINES or any(len(b.slices or ()) > 1 for _, b in recipe.bodies()):
        return recipe
    numbers = {name: _plain_number(recipe, name) for name in ("alpha", "beta")}
    if any(number is None for number in numbers.values()):
        return recipe
    alpha, beta = real(numbers, "alpha"), real(numbers, "beta")
    data = _without(recipe_data(recipe), frozenset(numbers))
    data["merge_method"] = "task_arithmetic"
    data["parameters"] = {**data.get("parameters", {}), "lambda": [alpha, alpha + beta]}
    return Recipe.model_validate(data)


def mergekit_builds(recipe: Recipe) -> bool:
    """Whether mergekit has a recipe's method and can plan its slices."""
    return method_named(recipe.merge_method).mergekit and not mergekit_stops(recipe)


def _plain_number(recipe: Recipe, name: str) -> Number:
    """Return the one number that a shared parameter has for all tensors, None if it has more."""
    parameter = method_named(LINES).parameter(name)
    assert parameter is not None
    for block in _blocks(recipe):
        value = block.get(name)
        if value is not None:
            case = value.cases[0]
            if case.filter is not None or isinstance(case.value, list) or case.value is None:
                return None
            return coerce(case.value, parameter, name)
    return parameter.default if isinstance(parameter.default, int | float) else None


def _blocks(recipe: Recipe) -> Iterator[Parameters]:
    """Yield where a shared parameter may stand, first that counts first; all slices are one."""
    for _, body in reversed(recipe.bodies()):
        for part in body.slices or ():
            yield part.parameters
        yield body.parameters


def _without(data: Any, names: frozenset[str]) -> Any:
    """Return a recipe's data without these parameters."""
    if isinstance(data, list):
        return [_without(part, names) for part in data]
    if not isinstance(data, dict):
        return data
    return {
        key: {k: v for k, v in part.items() if k not in names}
        if key == "parameters" and isinstance(part, dict)
        else _without(part, names)
        for key, part in data.items()
    }
