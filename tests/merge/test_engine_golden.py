"""The resident model, in exact mode, holds what the real mergekit wrote: every tensor, float32."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.merge.engine import Engine, load_engine
from optimerge.recipe.read import read_recipe

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
METHODS = {"linear", "slerp", "task_arithmetic", "ties", "dare_linear", "dare_ties"}
TOLERANCE = 1.2e-7
REFUSED = {"unknown_parameter_ignored"}
"""mergekit ignores what it does not know; here it is an error (tests/merge/test_plan_golden.py)."""
TIED = {"ties_d90": 2, "filter_ties": 2}
"""Entries that lie exactly on a magnitude threshold, where mergekit's own choice is arbitrary."""


def rows() -> list[dict[str, Any]]:
    found = json.loads((GOLDEN / "manifest.json").read_text())["rows"]
    return [
        r
        for r in found
        if r["set"] == "f32" and r["method"] in METHODS and r["stored"] and r["name"] not in REFUSED
    ]


@cache
def engine_of(references: tuple[str, ...]) -> Engine:
    return load_engine([open_checkpoint(r, GOLDEN) for r in references], mode="exact", seed=77)


@pytest.mark.parametrize("row", rows(), ids=lambda r: r["name"])
def test_the_live_model_equals_mergekit_s_output(row: dict[str, Any]) -> None:
    recipe = read_recipe(GOLDEN / row["recipe"])
    engine = engine_of(recipe.references())
    engine.apply(recipe)
    live, wanted = engine.model.state_dict(), load_file(GOLDEN / row["stored"])
    assert live.keys() == wanted.keys()
    off = 0
    for name, tensor in wanted.items():
        # A recipe may ask for bfloat16 out of float32 models: the live model holds those values.
        difference = (live[name].double() - tensor.double()).abs()
        off += int((difference > TOLERANCE).sum())
    assert off <= TIED.get(row["name"], 0)


def test_all_methods_of_the_first_road_are_compared() -> None:
    assert {r["method"] for r in rows()} == METHODS
    assert len(rows()) >= 30


def test_the_comparison_sees_a_wrong_seed() -> None:
    row = next(r for r in rows() if r["name"] == "dare_ties_d50")
    recipe = read_recipe(GOLDEN / row["recipe"])
    engine = load_engine(
        [open_checkpoint(r, GOLDEN) for r in recipe.references()], mode="exact", seed=78
    )
    engine.apply(recipe)
    wanted = load_file(GOLDEN / row["stored"])
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(engine.model.state_dict()[name], wanted[name])
