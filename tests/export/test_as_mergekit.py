"""What mergekit lacks is written as what it has, with the same tensors, or said to be ours."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from optimerge.export.as_mergekit import as_mergekit
from optimerge.export.build import build
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import recipe_data, recipe_text

MODELS = """\
base_model: base
models:
  - model: red
    parameters: {weight: [{filter: mlp, value: [0.9, 0.2, 0.4]}, {value: 0.7}]}
  - model: blue
    parameters: {weight: -0.35}
"""


def lines(parameters: str, body: str = MODELS, dtype: str = "float32") -> Recipe:
    text = f"merge_method: lines\n{body}parameters: {parameters}\ndtype: {dtype}\n"
    return parse_recipe(text)


def built(recipe: Recipe, family: Path, name: str) -> dict[str, torch.Tensor]:
    file = family / f"{name}.yaml"
    file.write_text(recipe_text(recipe))
    build(file, family / name)
    return load_file(family / name / "model.safetensors")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("parameters", ["{alpha: 0.31, beta: 0.47}", "{beta: -0.6}", "{}"])
def test_lines_is_task_arithmetic_with_a_gradient_bit_for_bit(
    family: Path, parameters: str, dtype: str
) -> None:
    scored = lines(parameters, dtype=dtype)
    written = as_mergekit(scored)
    assert written.merge_method == "task_arithmetic"
    ours, theirs = built(scored, family, "ours"), built(written, family, "theirs")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_scale_grows_from_layer_to_layer_and_is_alpha_outside_them(family: Path) -> None:
    body = "base_model: base\nmodels:\n- {model: red, parameters: {weight: 1.0}}\n"
    ours = built(lines("{alpha: 0.2, beta: 0.6}", body), family, "ours")
    base, red = (load_file(family / n / "model.safetensors") for n in ("base", "red"))
    scales = {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8}
    for name, tensor in ours.items():
        parts = name.split(".")
        scale = scales[int(parts[2])] if parts[1] == "layers" else 0.2
        wanted = base[name] + scale * (red[name] - base[name])
        torch.testing.assert_close(tensor, wanted, rtol=0, atol=3e-7)


def test_depth_is_that_of_the_merged_model_not_of_the_slice(family: Path) -> None:
    ours = built(lines("{alpha: 0.2, beta: 0.6}", sliced([0, 2], [2, 4])), family, "ours")
    whole = built(lines("{alpha: 0.2, beta: 0.6}", sliced([0, 4])), family, "whole")
    assert all(torch.equal(ours[name], whole[name]) for name in whole)


def sliced(*ranges: list[int]) -> str:
    return "base_model: base\nslices:\n" + "".join(
        f"- sources:\n  - {{model: red, layer_range: {r}, parameters: {{weight: 0.8}}}}\n"
        for r in ranges
    )


def test_what_cannot_be_written_so_is_left_as_it_is() -> None:
    for recipe in (
        lines("{alpha: 0.2}", sliced([0, 2], [2, 4])),
        lines("{alpha: [0.1, 0.3], beta: 0.1}"),
        lines("{beta: [{filter: mlp, value: 0.3}, {value: 0.1}]}"),
        parse_recipe(f"merge_method: magmax\n{MODELS}"),
        parse_recipe(f"merge_method: ties\n{MODELS}"),
    ):
        assert as_mergekit(recipe) is recipe


def test_the_innermost_number_counts_and_no_trace_of_lines_is_left() -> None:
    body = sliced([0, 4]).rstrip() + "\n  parameters: {alpha: 0.5}\n"
    written = recipe_data(as_mergekit(lines("{alpha: 0.1, beta: 0.25}", body)))
    assert written["parameters"] == {"lambda": [0.5, 0.75]}
    assert "alpha" not in str(written)
    assert written["slices"][0]["sources"][0]["parameters"] == {"weight": 0.8}
    assert written["dtype"] == "float32"


def test_a_module_s_own_number_counts_before_the_recipe_s() -> None:
    inner = "\n".join(f"    {line}" for line in MODELS.splitlines()[1:])
    body = f"base_model: base\nmodules:\n  default:\n{inner}\n    parameters: {{alpha: 0.5}}\n"
    written = recipe_data(as_mergekit(lines("{alpha: 0.1, beta: 0.25}", body)))
    assert written["parameters"] == {"lambda": [0.5, 0.75]}
    assert "alpha" not in str(written)
