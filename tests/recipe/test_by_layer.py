"""What a recipe gives each layer: the same numbers as the plan of the merge."""

from optimerge.recipe.by_layer import PRESENT, REST, LayerRow, by_layer
from optimerge.recipe.read import parse_recipe

GRADIENT = """
merge_method: ties
base_model: base
models:
  - model: red
    parameters: {weight: [0.0, 1.0], density: 0.3}
  - model: blue
    parameters:
      weight:
        - {filter: mlp, value: [1.0, 0.0, 1.0]}
        - {value: 0.25}
parameters: {density: 0.5}
"""
SLICES = """
merge_method: passthrough
slices:
  - sources: [{model: red, layer_range: [0, 2]}]
  - sources: [{model: blue, layer_range: [1, 4]}]
"""
MIXED = """
merge_method: linear
slices:
  - sources:
      - {model: red, layer_range: [0, 2], parameters: {weight: 0.5}}
      - {model: blue, layer_range: [0, 2]}
    parameters: {weight: [0.1, 0.3]}
  - sources: [{model: red, layer_range: [2, 4], parameters: {weight: 1}}]
"""


def rows(text: str, layers: int = 5) -> dict[tuple[str, str, str], tuple[float | None, ...]]:
    found = by_layer(parse_recipe(text), layers)
    assert all(isinstance(row, LayerRow) for row in found)
    return {(r.model, r.parameter, r.part): r.values for r in found}


def test_gradients_filters_and_defaults_are_read_as_the_merge_reads_them() -> None:
    found = rows(GRADIENT)
    assert found["red", "weight", ""] == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert found["red", "density", ""] == (0.3,) * 5
    assert found["blue", "weight", "mlp"] == (1.0, 0.5, 0.0, 0.5, 1.0)
    assert found["blue", "weight", REST] == (0.25,) * 5
    assert found["blue", "density", ""] == (0.5,) * 5  # that of all models


def test_slices_say_which_layers_a_model_has() -> None:
    found = rows(SLICES)
    assert found["red", PRESENT, ""] == (1.0, 1.0, None, None, None)
    assert found["blue", PRESENT, ""] == (None, None, 1.0, 1.0, 1.0)


def test_a_gradient_begins_anew_in_every_slice() -> None:
    found = rows(MIXED)
    assert found["blue", "weight", ""] == (0.1, 0.3, None, None)
    assert found["red", "weight", ""] == (0.5, 0.5, 1.0, 1.0)


def test_one_layer_has_the_last_value_of_a_gradient() -> None:
    assert rows(GRADIENT, layers=1)["red", "weight", ""] == (1.0,)


MODULES = """
merge_method: linear
modules:
  default:
    models: [{model: red}, {model: blue, parameters: {weight: 0.25}}]
    parameters: {weight: 0.5}
parameters: {weight: 0.75}
"""


def test_the_numbers_of_a_module_come_before_those_of_the_recipe() -> None:
    found = rows(MODULES, layers=2)
    assert found["red", "weight", ""] == (0.5, 0.5)
    assert found["blue", "weight", ""] == (0.25, 0.25)
    without = rows(MODULES.replace("    parameters: {weight: 0.5}\n", ""), layers=2)
    assert without["red", "weight", ""] == (0.75, 0.75)
