"""Families: which dimensions are one parameter of one model in other layers or tensors."""

from pathlib import Path

import yaml

from optimerge.space.families import families
from optimerge.space.read import make_space
from optimerge.space.resolve import resolved
from optimerge.space.space import SearchSpace

TEXT = """
merge_method: {choices: [ties, dare_ties]}
base_model: org/base
models:
  - model: org/math
    parameters:
      weight: {low: 0.0, high: 1.0, layer_groups: 2, filters: [self_attn, mlp]}
      density: {low: 0.1, high: 1.0, layer_groups: each}
  - model: org/code
    parameters:
      weight:
        - {filter: mlp, value: {low: 0.0, high: 1.0}}
        - {value: [{low: 0.0, high: 1.0}, 0.5, {low: 0.0, high: 0.5}]}
      density: {low: 0.1, high: 1.0, layer_groups: [0, 1, 3]}
parameters: {lambda: {low: 0.5, high: 1.5}}
objectives: [{task: x}]
"""


def space() -> SearchSpace:
    return resolved(make_space(yaml.safe_load(TEXT), Path("my.yaml")), 3, {})


def test_a_family_is_one_parameter_of_one_model() -> None:
    found = families(space())
    names = [[[d.name for d in row] for row in family.rows] for family in found]
    assert names == [
        [["merge_method"]],
        [
            ["math.weight[layers 1/2, self_attn]", "math.weight[layers 2/2, self_attn]"],
            ["math.weight[layers 1/2, mlp]", "math.weight[layers 2/2, mlp]"],
            ["math.weight[layers 1/2, rest]", "math.weight[layers 2/2, rest]"],
        ],
        [["math.density[layer 0]", "math.density[layer 1]", "math.density[layer 2]"]],
        [["code.weight[0]"], ["code.weight[1][0]", "code.weight[1][2]"]],
        [["code.density[layer 0]", "code.density[layers 1-2]"]],
        [["lambda"]],
    ]


def test_every_dimension_is_in_one_family() -> None:
    members = [d for family in families(space()) for d in family.members]
    assert sorted(d.name for d in members) == sorted(d.name for d in space().dimensions)


def test_a_row_goes_through_the_layers_from_first_to_last() -> None:
    for family in families(space()):
        for row in family.rows:
            if all(d.group is not None for d in row):
                assert [d.group for d in row] == list(range(len(row)))


def test_models_of_the_same_parameter_are_different_families() -> None:
    sites = [family.site for family in families(space())]
    assert len(set(sites)) == len(sites)
    assert ("models", 0, "parameters", "density") in sites
    assert ("models", 1, "parameters", "density") in sites
