"""Random masks as a merge draws them: one for each expert and tensor, all independent, nested."""

from itertools import combinations, pairwise

import pytest
import torch

from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan
from optimerge.merge.selection.hashed import HashedSelection
from optimerge.merge.tensor import Mode, Selections

TENSORS = ("model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight", "lm_head.w")
SHAPE = (96, 128)


def plan() -> MergePlan:
    tensors = [
        TensorPlan(
            name,
            "dare_linear",
            InputTensor("base", name, {}),
            tuple(InputTensor(m, name, {"weight": 1.0, "density": 0.5}) for m in ("red", "blue")),
            {},
        )
        for name in TENSORS
    ]
    return MergePlan(tuple(tensors), 2, None, None)


def masks(mode: Mode, density: float, seed: int = 7) -> list[torch.Tensor]:
    """Draw the masks of every tensor and expert of a plan."""
    zeros = torch.zeros(SHAPE)
    return [
        select.random(index, zeros, density).reshape(-1)
        for tensor, select in Selections(mode, seed)(plan())
        for index in range(len(tensor.inputs))
    ]


def dependent(found: list[torch.Tensor], density: float) -> list[tuple[int, int]]:
    """Name the pairs of masks that agree more or less often than chance lets them."""
    size = found[0].numel()
    both = density**2
    spread = (both * (1 - both) / size) ** 0.5
    return [
        (a, b)
        for a, b in combinations(range(len(found)), 2)
        if abs(float((found[a] & found[b]).double().mean()) - both) > 5 * spread
    ]


@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("density", [0.05, 0.5, 0.9])
def test_masks_of_experts_tensors_and_seeds_are_independent(mode: Mode, density: float) -> None:
    found = [*masks(mode, density), *masks(mode, density, seed=8)]
    size = found[0].numel()
    for mask in found:
        kept = float(mask.double().mean())
        assert abs(kept - density) < 5 * (density * (1 - density) / size) ** 0.5
        rows = mask.view(SHAPE).double()
        for share in (rows.mean(dim=0), rows.mean(dim=1)):  # no column or row is favoured
            assert float((share - density).abs().max()) < 0.3
    assert dependent(found, density) == []


def test_masks_are_nested_in_density_from_0_to_1() -> None:
    densities = (0.0, 1e-7, 0.05, 0.3, 0.300001, 0.9, 1.0)
    for fewer, more in pairwise(masks("fast", density) for density in densities):
        assert not any(bool((a & ~b).any()) for a, b in zip(fewer, more, strict=True))
    assert not any(bool(mask.any()) for mask in masks("fast", 0.0))
    assert all(bool(mask.all()) for mask in masks("fast", 1.0))


def test_the_masks_of_a_merge_are_pinned() -> None:
    found = ["".join("01"[int(kept)] for kept in mask[:24]) for mask in masks("fast", 0.5)]
    assert found == PINNED


PINNED = [
    "111101111101010100110001",
    "010100100010110100000010",
    "001000011111110110110001",
    "111110000110110001011011",
    "111000001110001100100111",
    "100010110110001000001111",
]


@pytest.mark.parametrize("lost", ["tensor", "inputs", "seed"])
def test_plant_a_key_that_forgets_a_part_is_noticed(
    monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    class Forgetful(HashedSelection):
        def __init__(self, seed: int, tensor: str, inputs: list[str]) -> None:
            given = {"seed": seed, "tensor": tensor, "inputs": inputs}
            same = {"seed": 0, "tensor": "w", "inputs": ["m"] * len(inputs)}
            super().__init__(**{**given, lost: same[lost]})

    monkeypatch.setattr("optimerge.merge.selection.hashed.HashedSelection", Forgetful)
    assert dependent([*masks("fast", 0.5), *masks("fast", 0.5, seed=8)], 0.5)
