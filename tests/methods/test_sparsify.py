"""How many entries are kept, and what becomes of the rest."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from optimerge.errors import MethodError
from optimerge.merge.selection.exact import ExactSelection
from optimerge.merge.selection.hashed import HashedSelection
from optimerge.methods.protocol import MergeMethod, Selection, TensorGroup
from optimerge.methods.registry import method_named
from optimerge.methods.sparsify import by_rank, largest, random, without_outliers

SIZES = st.integers(1, 300)
SHARES = st.floats(0, 1)
few = settings(deadline=None, max_examples=60)


def selections() -> Sequence[Selection]:
    stream = torch.Generator().manual_seed(3)
    return ExactSelection(stream), HashedSelection(3, "weight", ("a",))


def thin(how, delta: Tensor, select: Selection, *, rescale: bool = False, **numbers) -> Tensor:
    return how(TensorGroup(None, (delta,), (numbers,), {"rescale": rescale}, select), 0, delta)


def distinct(size: int) -> Tensor:
    """Return magnitudes from 1 to size in a mixed order, with mixed signs."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(size)) + 1
    return order * torch.where(order % 3 == 0, -1.0, 1.0)


@few
@given(SIZES, SHARES)
def test_largest_keeps_the_share_rounded_down_but_one_at_least(size, density):
    delta = distinct(size)
    count = 0 if density == 0 else max(1, int(density * size))
    for select in selections():
        kept = thin(largest, delta, select, density=density)
        assert int((kept != 0).sum()) == count
        assert torch.equal(kept, delta * (delta.abs() > size - count))


@few
@given(SIZES, SHARES, SHARES)
def test_breadcrumbs_keeps_the_share_and_drops_outliers_if_it_can(size, density, gamma):
    delta = distinct(size)
    count = int(density * size)
    dropped = min(int(gamma * size), size - count)
    for select in selections():
        kept = thin(without_outliers, delta, select, density=density, gamma=gamma)
        rank = delta.abs()
        inside = (rank <= size - dropped) & (rank > size - dropped - count)
        assert torch.equal(kept, delta * inside)


@few
@given(SIZES, SHARES)
def test_rescaling_restores_the_l1_norm(size, density):
    delta = distinct(size)
    for select in selections():
        for how in (largest, random):
            kept = thin(how, delta, select, density=density, rescale=True)
            if kept.any():
                assert float(kept.abs().sum()) == pytest.approx(float(delta.abs().sum()), rel=1e-5)


@pytest.mark.parametrize("how", [largest, random, by_rank, without_outliers])
def test_density_1_is_the_task_vector_itself(how):
    delta = distinct(30)
    for select in selections():
        kept = thin(how, delta, select, density=1.0, epsilon=0.1, gamma=0.2, rescale=True)
        assert torch.equal(kept, delta)


def test_della_keeps_large_entries_of_a_row_more_often():
    delta = torch.arange(1.0, 101).repeat(400, 1)
    for select in selections():
        kept = thin(by_rank, delta, select, density=0.5, epsilon=0.3) != 0
        share = kept.float().mean(dim=0)
        wanted = torch.linspace(0.2, 0.8, 100)
        assert (share - wanted).abs().max() < 0.12
        assert (share - wanted).abs().mean() < 0.03


@pytest.mark.parametrize(
    ("density", "epsilon", "legal"),
    [(0.5, 0.15, True), (0.85, 0.15, False), (0.15, 0.15, False), (1, 0.15, True), (0, 0.15, True)],
)
@pytest.mark.parametrize("name", ["della", "della_linear"])
def test_della_refuses_probabilities_outside_0_and_1(name, density, epsilon, legal):
    method: MergeMethod = method_named(name)
    assert method.refuse is not None
    numbers = {"density": density, "epsilon": epsilon}
    assert (method.refuse([numbers], {}) is None) == legal
    if not legal:
        with pytest.raises(MethodError, match="below 1"):
            thin(by_rank, distinct(9), selections()[0], **numbers)
