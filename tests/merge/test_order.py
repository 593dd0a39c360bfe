"""Order statistics and draws for single entries: equal to sorting, and to drawing for all."""

import pytest
import torch

from optimerge.merge.selection.order import first_of_stable_sort, kth_smallest
from optimerge.merge.selection.splitmix import uniforms, uniforms_at

COARSE = torch.randint(0, 6, (7, 11), generator=torch.Generator().manual_seed(0)).float()


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("count", [0, 1, 13, 40, 76, 77, 99])
@pytest.mark.parametrize("values", [COARSE, COARSE.T, COARSE * 0], ids=["rows", "strided", "equal"])
def test_the_first_of_a_stable_sort(values: torch.Tensor, count: int, descending: bool) -> None:
    order = values.reshape(-1).argsort(descending=descending, stable=True)
    wanted = torch.zeros(values.numel(), dtype=torch.bool)
    wanted[order[:count]] = True
    found = first_of_stable_sort(values, count, descending=descending)
    assert torch.equal(found, wanted.view(values.shape))


@pytest.mark.parametrize("k", [1, 30, 77])
def test_the_kth_smallest_is_torchs(k: int) -> None:
    for values in (COARSE, torch.rand(77, generator=torch.Generator().manual_seed(1))):
        assert torch.equal(kth_smallest(values, k), values.reshape(-1).kthvalue(k).values)


def test_draws_for_single_entries_are_those_of_the_whole_tensor() -> None:
    for key in (0, -(2**63), 2**62 + 5):
        everything = uniforms(key, 0, 203)
        positions = torch.tensor([0, 1, 2, 3, 4, 77, 202])
        assert torch.equal(uniforms_at(key, positions), everything[positions].long())


@pytest.mark.parametrize("k", [1, 2, 500, 1999, 2000])
def test_the_kth_smallest_of_many_is_where_a_sort_puts_it(k: int) -> None:
    for seed in range(3):
        values = torch.rand(40, 50, generator=torch.Generator().manual_seed(seed))
        assert kth_smallest(values, k) == values.reshape(-1).sort().values[k - 1]
