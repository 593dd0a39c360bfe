"""/api/runs/ID/trials/NAME/diff/OTHER: what tells two trials apart."""

import difflib

from optimerge.dashboard.resource import Answer, Asked, Resource, trial_named
from optimerge.front.json_values import json_value

Value = float | int | bool | str | None


class Param(Answer):
    """A parameter that the two do not share; null: the trial does not have it."""

    name: str
    a: Value
    b: Value


class Diff(Answer):
    """What tells two trials apart."""

    params: list[Param]
    recipe: str
    """A unified diff of the recipes, from the first to the other; "" if they are equal."""


def make(asked: Asked) -> Diff:
    """Return what tells two trials apart."""
    snapshot = asked.source().now()
    one = trial_named(snapshot, asked.path["name"])
    other = trial_named(snapshot, asked.path["other"])
    names = dict.fromkeys([*one.params, *other.params])
    pairs = [(n, json_value(one.params.get(n)), json_value(other.params.get(n))) for n in names]
    lines = difflib.unified_diff(
        one.recipe.splitlines(),
        other.recipe.splitlines(),
        f"trial {one.name}",
        f"trial {other.name}",
        lineterm="",
    )
    return Diff(
        params=[Param(name=name, a=a, b=b) for name, a, b in pairs if a != b],
        recipe="\n".join(lines),
    )


RESOURCE = Resource(
    "/api/runs/{run}/trials/{name}/diff/{other}",
    Diff,
    make,
    "The parameters and the lines of the recipe in which two trials differ.",
)
