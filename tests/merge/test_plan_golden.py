"""Our resolution of every golden recipe against what the real mergekit 0.1.5 resolved.

`tests/data/golden/resolved.json.gz` was written by mergekit itself (`make_resolved.py` there).
"""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.errors import OptimergeError
from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan, make_plan
from optimerge.recipe.read import read_recipe

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
REFUSED = {
    "linear_zero_sum": "weights sum to 0",
    "unknown_parameter_ignored": "has no parameter 'nonsense'",
    "err_della_epsilon": "epsilon",
}
"""Recipes that mergekit plans and optimerge refuses, and why."""


@cache
def resolved() -> dict[str, Any]:
    with gzip.open(GOLDEN / "resolved.json.gz", "rt", encoding="utf-8") as file:
        return dict(json.load(file))


def plan_of(recipe: str) -> MergePlan:
    read = read_recipe(GOLDEN / "recipes" / f"{recipe}.yml")
    return make_plan(read, {r: open_checkpoint(r, GOLDEN) for r in read.references()})


def as_upstream(tensor: TensorPlan, base: str | None) -> dict[str, Any]:
    def one(item: InputTensor) -> dict[str, Any]:
        return {"model": item.model, "tensor": item.tensor, "numbers": dict(item.numbers)}

    return {"inputs": [one(i) for i in tensor.inputs], "base": base, "shared": dict(tensor.shared)}


def comparable(name: str) -> bool:
    entry = resolved()[name]
    return "error" not in entry and not any(t["permuted"] for t in entry["tensors"])


def names(wanted: bool) -> list[str]:
    return sorted(n for n in resolved() if comparable(n) == wanted)


@pytest.mark.parametrize("name", [n for n in names(True) if n.split("/")[1] not in REFUSED])
def test_every_tensor_gets_the_numbers_that_mergekit_gives_it(name: str) -> None:
    wanted = {t["name"]: t for t in resolved()[name]["tensors"]}
    plan = plan_of(name)
    assert {t.name for t in plan.tensors} == set(wanted)
    assert plan.dtype == resolved()[name]["dtype"]
    for tensor in plan.tensors:
        upstream = wanted[tensor.name]
        base = next((i for i in upstream["inputs"] if i["base"]), None)
        others = [i for i in upstream["inputs"] if tensor.base is None or not i["base"]]
        if tensor.base is not None:
            assert base is not None
            assert (tensor.base.model, tensor.base.tensor) == (base["model"], base["tensor"])
        assert [(i.model, i.tensor) for i in tensor.inputs] == [
            (i["model"], i["tensor"]) for i in others
        ]
        for ours, theirs in zip(tensor.inputs, others, strict=True):
            agree(dict(ours.numbers), theirs["numbers"], tensor.name)
        agree(dict(tensor.shared), upstream["shared"], tensor.name)


def agree(ours: dict[str, Any], theirs: dict[str, Any], where: str) -> None:
    assert set(ours) == set(theirs), where
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-12), (where, name)


@pytest.mark.parametrize("name", [n for n in names(True) if n.split("/")[1] in REFUSED])
def test_what_mergekit_merges_to_nonsense_is_refused(name: str) -> None:
    with pytest.raises(OptimergeError, match=REFUSED[name.split("/")[1]]):
        plan_of(name)


@pytest.mark.parametrize("name", [n for n in resolved() if "error" in resolved()[n]])
def test_what_mergekit_refuses_is_refused_before_a_weight_is_read(name: str) -> None:
    with pytest.raises(OptimergeError):
        plan_of(name)
        recipe = read_recipe(GOLDEN / "recipes" / f"{name}.yml")
        check_fit([open_checkpoint(r, GOLDEN) for r in recipe.references()])


def test_every_golden_recipe_is_compared_or_named() -> None:
    kinds = {"tokenizer", "err"}
    left = {n.split("/")[1].split("_")[0] for n in names(False)}
    assert left <= kinds, "recipes that no test above looks at"
