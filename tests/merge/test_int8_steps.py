"""Task vectors in int8 steps: the error is at most half a step, zeros and edges included."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from optimerge.errors import CheckpointError
from optimerge.merge import int8_steps
from optimerge.merge.int8_steps import SMALLEST, Steps, dense, readable, round_to_steps
from optimerge.merge.plan import InputTensor

FLOATS = (torch.bfloat16, torch.float16, torch.float32)
SIZES = (0.0, 1e-42, 1e-38, 3e-36, 1e-8, 1e-3, 0.5, 1e4, 1e30)
"""Of task vectors: nothing, denormal steps, steps at the bound, usual ones, huge ones."""


def steps_of(weight: Tensor, base: Tensor) -> Steps:
    values = torch.full(weight.shape, 99, dtype=torch.int8)
    scales = torch.full((weight.numel() // weight.shape[-1],), 7.0)
    round_to_steps(weight, base, values, scales)
    return Steps(values, scales, base, frozenset({("base", "w")}))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Draw (expert, base) of one to three dimensions; some rows constant, some equal."""
    shape = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    g = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    base = torch.randn(shape, generator=g) * draw(st.sampled_from((0.0, 0.02, 1.0)))
    delta = torch.randn(shape, generator=g) * draw(st.sampled_from(SIZES))
    kind = draw(st.sampled_from(("any", "constant", "sparse", "one large")))
    if kind == "constant":
        delta = delta[..., :1].expand(shape)
    if kind == "sparse":
        delta = delta * (torch.rand(shape, generator=g) < 0.3)
    if kind == "one large":
        delta = delta.clone()
        delta[..., 0] *= 1000
    kinds = (draw(st.sampled_from(FLOATS)), draw(st.sampled_from(FLOATS)))
    largest = min(torch.finfo(kind).max for kind in kinds) / 4
    one, other = (
        t.clamp(-largest, largest).to(k) for t, k in zip((base + delta, base), kinds, strict=True)
    )
    return one.contiguous(), other.contiguous()


def faults(weight: Tensor, base: Tensor) -> list[str]:
    """Say what is wrong with the steps, checked in float64."""
    steps = steps_of(weight, base)
    d = weight.float() - base.float()
    scales = steps.scales.view(*weight.shape[:-1], 1)
    taken = steps.values.float() * scales
    step, error = scales.double(), (taken.double() - d.double()).abs()
    largest = d.abs().max(dim=-1, keepdim=True).values
    found = []
    if bool((error > step * 0.5 * (1 + 1e-6) + d.abs().double() * 2e-7).any()):
        found.append("more than half a step off")
    if bool((steps.values[d == 0] != 0).any()):
        found.append("a zero moved")
    if bool(
        (steps.values.abs().max(dim=-1, keepdim=True).values != 127)[largest > 128 * SMALLEST].any()
    ):
        found.append("the range of int8 is not used")
    if bool((step > (largest.double() / 127 * (1 + 1e-6)).clamp(min=SMALLEST)).any()):
        found.append("steps too wide")
    back = base.float() + taken
    if not torch.equal(steps.dense(), back) or steps.dense().dtype != torch.float32:
        found.append("dense is not base + steps")
    return found


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pairs())
def test_the_error_is_at_most_half_a_step(pair: tuple[Tensor, Tensor]) -> None:
    assert faults(*pair) == []


@pytest.mark.parametrize("fault", ["truncates", "scale of the tensor", "wider steps"])
def test_planted_faults_are_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(1)
    base = torch.randn(6, 16, generator=g)
    weight = base + torch.randn(6, 16, generator=g) * torch.logspace(-4, 0, 6).view(-1, 1)
    assert faults(weight, base) == []
    if fault == "truncates":
        monkeypatch.setattr(Tensor, "round_", Tensor.trunc_)
    elif fault == "scale of the tensor":
        monkeypatch.setattr(Tensor, "amax", lambda t, dim: t.max().expand(len(t)))
    else:
        monkeypatch.setattr(int8_steps, "STEPS", 100)
    assert faults(weight, base)


@pytest.mark.parametrize("length", [1, 3, 16])
def test_parts_of_the_rows_give_what_the_whole_gives(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    g = torch.Generator().manual_seed(3)
    base, weight = torch.randn(2, 5, length, generator=g), torch.randn(2, 5, length, generator=g)
    whole = steps_of(weight, base)
    monkeypatch.setattr(int8_steps, "PART", 2 * length)
    parts = steps_of(weight, base)
    assert torch.equal(whole.values, parts.values)
    assert torch.equal(whole.scales, parts.scales)


def test_halves_go_to_the_even_step() -> None:
    base = torch.zeros(1, 6)
    weight = torch.tensor([[127.0, 0.5, 1.5, 2.5, -0.5, -1.5]])
    assert steps_of(weight, base).values.tolist() == [[127, 0, 2, 2, 0, -2]]


def test_an_expert_equal_to_its_base_stays_equal_bit_for_bit() -> None:
    base = torch.tensor([[1.0, -0.0, 3e-39, 65504.0]])
    found = steps_of(base.clone(), base)
    assert not found.values.any()
    assert torch.equal(found.dense(), base)


def test_no_scale_is_denormal_or_zero() -> None:
    base = torch.zeros(3, 2)
    weight = torch.tensor([[1e-45, 0.0], [1e-39, -1e-39], [0.0, 0.0]])
    assert bool((steps_of(weight, base).scales >= SMALLEST).all())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_what_float32_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(CheckpointError, match="differs from the base by more than"):
        steps_of(torch.full((2, 4), value), torch.full((2, 4), -3e38))


def test_steps_are_read_as_they_are_only_by_merges_from_their_own_base() -> None:
    base = torch.zeros(2, 4)
    found = steps_of(torch.ones(2, 4), base)
    own, other = InputTensor("base", "w", {}), InputTensor("base", "v", {})
    assert readable([base, found], own) == [base, found]
    for wanted in (other, None, InputTensor("red", "w", {})):
        assert torch.equal(dense(readable([base, found], wanted)[1]), found.dense())
        assert not isinstance(readable([base, found], wanted)[1], Steps)
    source = found.source
    assert (source.values.dtype, source.row, source.scales is found.scales) == (torch.int8, 4, True)
