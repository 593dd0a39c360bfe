"""What a merge changed, counted on tensors: against the definition, in parts, in any dtype."""

import math

import pytest
import torch

from optimerge.merge import change as changes
from optimerge.merge.change import Change, change, counted, total


def pair(*shape: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(shape, generator=generator).to(dtype)
    moved = base + torch.randint(-1, 2, shape, generator=generator).to(dtype)
    return moved, base


def definition(merged: torch.Tensor, base: torch.Tensor) -> Change:
    gaps = (merged.double() - base.double()).flatten().tolist()
    return Change(
        len(gaps), sum(g != 0 for g in gaps), sum(map(abs, gaps)), sum(g * g for g in gaps)
    )


def near(found: Change, wanted: Change) -> bool:
    return (
        (found.parameters, found.nonzero) == (wanted.parameters, wanted.nonzero)
        and found.l1 == pytest.approx(wanted.l1)
        and found.squares == pytest.approx(wanted.squares)
    )


@pytest.mark.parametrize("shape", [(), (1,), (7,), (5, 3), (4, 2, 3), (0, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_change_is_the_sum_over_its_entries(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    merged, base = pair(*shape, dtype=dtype)
    assert near(change(merged, base), definition(merged, base))


def test_equal_tensors_differ_in_nothing() -> None:
    _, base = pair(5, 3)
    assert change(base.clone(), base) == Change(15, 0, 0.0, 0.0)


@pytest.mark.parametrize("part", [1, 3, 6, 7, 1000])
def test_parts_add_up(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    merged, base = pair(10, 3)
    monkeypatch.setattr(changes, "PART", part)
    assert near(change(merged, base), definition(merged, base))


def test_a_tensor_without_a_base_has_a_size_and_is_finite_or_not() -> None:
    whole = torch.ones(2, 3)
    assert counted(whole) == Change(6, 0, 0.0, 0.0)
    for odd in (math.nan, math.inf, -math.inf):
        whole[1, 1] = odd
        assert counted(whole) == Change(6, 0, math.inf, 0.0)


def test_a_model_is_the_sum_of_its_tensors() -> None:
    found = total(iter([Change(4, 2, 3.0, 9.0), Change(6, 1, 4.0, 16.0)]), 1.5)
    assert (found.seconds, found.parameters, found.nonzero) == (1.5, 10, 3)
    assert (found.l1, found.l2, found.compared) == (7.0, 5.0, True)
    assert not total([], 0.0, compared=False).compared
