"""Importance added up by parent and by layer."""

from pathlib import Path

import pytest

from optimerge.front.importance import Importance, Weight
from optimerge.front.parts import METHOD, SHARED, STRUCTURE, Parts, parts
from optimerge.recipe.read import parse_yaml
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace

NUMBERS = """
merge_method: {choices: [ties, dare_ties]}
base_model: base
models:
- {model: red, parameters: {weight: {low: 0, high: 1, layer_groups: 2}, density: 0.5}}
- {model: blue, parameters: {weight: {low: 0, high: 1}, density: 0.5}}
parameters: {lambda: {low: 0.5, high: 1.5}}
objectives: [{task: x}]
"""
LAYERS = """
merge_method: passthrough
slices:
- sources: [{model: red, layer_range: [0, {low: 1, high: 3}]}]
- sources: [{model: blue, layer_range: [1, 4], parameters: {scale: {low: 0.5, high: 1}}}]
objectives: [{task: x}]
"""


def space_of(text: str) -> SearchSpace:
    return make_space(parse_yaml(text, "space.yaml"), Path("space.yaml"))


def of(space: SearchSpace, layers: int, *more: str) -> Parts:
    """Give the space's parameters shares that tell them apart: 1, 2, 4, ..."""
    names = [*(d.name for d in space.dimensions), *more]
    weights = tuple(Weight(name, float(2**place), 9, False) for place, name in enumerate(names))
    return parts(Importance("x", "fanova", 9, weights), space, layers)


def test_shares_are_added_up_by_what_they_belong_to() -> None:
    space = space_of(NUMBERS)
    names = [d.name for d in space.dimensions]
    by_model = dict(of(space, 4).by_model)
    share = {name: 2.0**place for place, name in enumerate(names)}
    assert by_model.pop(METHOD) == share["merge_method"]
    assert by_model.pop(SHARED) == share[next(name for name in names if "lambda" in name)]
    assert by_model == {
        model: sum(value for name, value in share.items() if model in name)
        for model in ("red", "blue")
    }


def test_the_largest_share_comes_first_and_a_stranger_counts_for_nothing() -> None:
    found = of(space_of(NUMBERS), 4, "nobody's").by_model
    assert [share for _, share in found] == sorted((s for _, s in found), reverse=True)
    assert sum(share for _, share in found) == 2 ** len(space_of(NUMBERS).dimensions) - 1


def test_a_share_is_split_equally_among_the_layers_that_it_moves() -> None:
    space = space_of(NUMBERS)
    share = {d: 2.0**place for place, d in enumerate(space.dimensions)}
    everywhere = sum(s for d, s in share.items() if d.group is None and "parameters" in d.site)
    halves = [s for d, s in share.items() if d.group is not None]
    assert len(halves) == 2
    wanted = [everywhere / 4 + half / 2 for half in halves for _ in range(2)]
    assert of(space, 4).by_layer == pytest.approx(wanted)


def test_layers_that_move_belong_to_no_model_and_have_no_profile() -> None:
    found = of(space_of(LAYERS), 4)
    assert STRUCTURE in dict(found.by_model)
    assert found.by_layer == ()


def test_one_number_for_all_layers_has_no_profile() -> None:
    text = NUMBERS.replace(", layer_groups: 2", "")
    assert of(space_of(text), 4).by_layer == ()
