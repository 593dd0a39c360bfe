"""Our kernels against recorded output of mergekit 0.1.5, with the numbers that it resolved."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from optimerge.merge.selection.exact import ExactSelection
from optimerge.methods import sparsify, task_vectors
from optimerge.methods.protocol import TensorGroup
from optimerge.methods.registry import method_named

from .golden import (
    Merged,
    digest,
    digests,
    manifest,
    merge,
    merge_anew,
    recipes,
    wanted,
    weights,
)

TOLERANCE = 1.2e-7
"""For float32: a unit in the last place near 1."""


def wrong_values(recipe: str, found: dict[str, Merged]) -> dict[str, int]:
    """Count, for each tensor, the entries that differ from mergekit's though nothing is tied."""
    expected = wanted(recipe)
    assert expected is not None
    assert expected.keys() == found.keys()
    wrong = {}
    for name, (tensor, tied) in found.items():
        theirs = expected[name]
        assert tensor.shape == theirs.shape
        assert tensor.dtype == theirs.dtype
        distance = (tensor.double() - theirs.double()).abs()
        allowed = TOLERANCE if tensor.dtype == torch.float32 else 0
        wrong[name] = int((~tied & ~(distance <= allowed)).sum())
    return {name: count for name, count in wrong.items() if count}


def wrong_digests(recipe: str, found: dict[str, Merged], sort: str) -> list[str]:
    """Name the tensors that differ from mergekit's, for `plain` only those without ties."""
    table = digests(recipe)[sort]
    assert table.keys() == found.keys()
    return [
        name
        for name, (tensor, tied) in found.items()
        if digest(tensor) != table[name] and not (sort == "plain" and tied.any())
    ]


@pytest.mark.parametrize("recipe", [r for r in recipes("f32") if r != "f32/arcee_fusion"])
def test_float32_is_within_a_rounding_of_mergekit(recipe: str, record_property):
    found, theirs = merge(recipe), wanted(recipe)
    assert wrong_values(recipe, found) == {}
    excused = sum(int((m.tied & (m.tensor != theirs[name])).sum()) for name, m in found.items())
    record_property("entries excused", excused)
    assert excused <= 2, "float32 has hardly any equal magnitudes: a tie is one pair"


def test_float32_arcee_fusion_differs_only_near_its_threshold():
    # The KL divergence is a small difference of large sums: its rounding, and so which entries
    # next to the threshold are taken over, depends on the processor.
    found, expected = merge("f32/arcee_fusion"), wanted("f32/arcee_fusion")
    base, other = (weights(f"models/f32/{m}/model.safetensors") for m in ("base", "e2"))
    differing = 0
    for name, (tensor, _) in found.items():
        change = (other[name] - base[name]).double()
        p, q = (w[name].double().softmax(-1) for w in (other, base))
        importance = change.abs() * (p * (p / q).log()).sum(-1, keepdim=True)
        middle, spread = importance.median(), importance.flatten().sort().values
        n = len(spread) - 1
        threshold = middle + 1.5 * (spread[3 * n // 4] - spread[n // 4])
        clear = (importance / threshold - 1).abs() > 0.02
        assert torch.equal(tensor[clear], expected[name][clear])
        differing += int((tensor != expected[name]).sum())
    assert differing <= 100


@pytest.mark.parametrize("recipe", recipes("bf16"))
def test_bfloat16_equals_mergekit_with_stable_sorts(recipe: str):
    assert wrong_digests(recipe, merge(recipe), "stable") == []


@pytest.mark.parametrize("recipe", recipes("bf16"))
def test_bfloat16_equals_mergekit_where_nothing_is_tied(recipe: str, record_property):
    found = merge(recipe)
    assert wrong_digests(recipe, found, "plain") == []
    record_property("entries on a threshold", sum(int(m.tied.sum()) for m in found.values()))


def test_bfloat16_comparison_without_ties_is_not_empty():
    compared = [not m.tied.any() for r in recipes("bf16") for m in merge(r).values()]
    assert sum(compared) > 0.6 * len(compared)


@pytest.mark.parametrize("recipe", [r for r in recipes("bf16") if manifest()[r]["stored"]])
def test_bfloat16_entries_off_the_threshold_equal_mergekit(recipe: str):
    assert wrong_values(recipe, merge(recipe)) == {}


# Planted faults: each must be noticed by the comparisons above.


class HighestIndexFirst(ExactSelection):
    def largest(self, index: int, delta: Tensor, keep: int) -> Tensor:
        flipped = super().largest(index, delta.reshape(-1).flip(0), keep)
        return flipped.flip(0).view(delta.shape)


class LastInputDrawsFirst(ExactSelection):
    def random(self, index: int, delta: Tensor, keep: float | Tensor) -> Tensor:
        if index == 0:
            torch.rand(1, generator=self._generator)
        return super().random(index, delta, keep)


def test_plant_ties_by_highest_index_is_noticed():
    assert wrong_digests(
        "bf16/ties_d50", merge_anew("bf16/ties_d50", None, HighestIndexFirst), "stable"
    )


def test_plant_shifted_random_stream_is_noticed():
    found = merge_anew("f32/dare_ties_d50", None, LastInputDrawsFirst)
    assert wrong_values("f32/dare_ties_d50", found)


def test_plant_a_sum_of_zero_elects_minus_is_noticed(monkeypatch: pytest.MonkeyPatch):
    def agreement(deltas: Tensor) -> Tensor:
        return (deltas.sign() == torch.where(deltas.sum(dim=0) > 0, 1, -1)).to(deltas.dtype)

    monkeypatch.setattr(task_vectors, "agreement_as_numbers", agreement)
    assert any(wrong_digests(r, merge_anew(r), "stable") for r in recipes("bf16") if "ties" in r)


def test_plant_rescale_by_density_is_noticed():
    def random(group: TensorGroup, index: int, delta: Tensor) -> Tensor:
        density = sparsify.real(group.numbers[index], "density")
        return delta * group.select.random(index, delta, density) / density

    def kernel(group: TensorGroup) -> Tensor:
        return task_vectors.combine(group, random, elect=False)

    plant = replace(method_named("dare_linear"), kernel=kernel)
    assert wrong_values("f32/dare_linear_d50", merge_anew("f32/dare_linear_d50", plant))


def test_plant_average_instead_of_sum_is_noticed():
    def kernel(group: TensorGroup) -> Tensor:
        numbers = tuple({**n, "weight": n["weight"] / len(group.inputs)} for n in group.numbers)
        return method_named("task_arithmetic").kernel(replace(group, numbers=numbers))

    plant = replace(method_named("task_arithmetic"), kernel=kernel)
    assert wrong_values("f32/task_arithmetic", merge_anew("f32/task_arithmetic", plant))
