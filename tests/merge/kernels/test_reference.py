"""The torch back end computes what the formulas in `program` say, whatever the parts."""

from dataclasses import replace
from typing import Any

import naive
import pytest
import torch
from cases import FLOATS, Case, cases, tensors
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from optimerge.merge.kernels.places import ranked
from optimerge.merge.kernels.program import (
    BINS,
    BLOCK,
    LEVELS,
    NOTHING,
    SHIFT,
    STEPS,
    STRIDE,
    Band,
    Keep,
    Program,
    Random,
    Ranked,
    Source,
    Term,
    Whole,
)
from optimerge.merge.kernels.reference import TorchKernels

few = settings(deadline=None, max_examples=60)
SPECIAL = (0.0, -0.0, 1e-45, -1e-39, 6e-8, 65504.0, 3e38, -1e30, float("inf"), float("nan"))
INFINITY = 0x7F800000
KEEPS: dict[str, Keep] = {
    "whole": Whole(),
    "band": Band(3, 0x3C008123),
    "two ends": Band(3, 0x3B000777, 0x3D00F001),
    "random": Random(4, 0x8000),
    "ranked": Ranked(5, 1 << 27, 1 << 21),
}


def bits(tensor: torch.Tensor) -> list[int]:
    whole = {2: torch.int16, 4: torch.int32}[tensor.element_size()]
    return tensor.view(whole).tolist()


@few
@given(cases(largest=40))
def test_every_entry_is_that_of_the_formula(case: Case) -> None:
    out = case.out
    TorchKernels().merge(case.program, case.base, case.sources, out, case.start)
    wanted = naive.merge(case.program, case.base, case.sources, case.dtype, case.start)
    assert bits(out) == bits(wanted)


@few
@given(cases(largest=40), st.data())
def test_special_values_are_merged_by_the_formula_too(case: Case, data: st.DataObject) -> None:
    for tensor in (case.base, *(s.values for s in case.sources if s.scales is None)):
        for at in data.draw(st.lists(st.integers(0, tensor.numel() - 1), max_size=8)):
            tensor[at] = data.draw(st.sampled_from(SPECIAL))
    bands = st.builds(
        Band,
        st.just(9),
        st.sampled_from((0, 1, INFINITY - 5, INFINITY, INFINITY + 9, NOTHING)),
        st.sampled_from((NOTHING, 70000, INFINITY - 5, INFINITY, INFINITY + 9)),
    )
    terms = [
        replace(t, keep=data.draw(bands)) if isinstance(t.keep, Band) else t
        for t in case.program.terms
    ]
    program, out = replace(case.program, terms=tuple(terms)), case.out
    TorchKernels().merge(program, case.base, case.sources, out, case.start)
    wanted = naive.merge(program, case.base, case.sources, case.dtype, case.start)
    assert out.isnan().tolist() == wanted.isnan().tolist()
    assert bits(out.nan_to_num()) == bits(wanted.nan_to_num())


def test_a_nan_has_no_vote() -> None:
    base = torch.zeros(3 * BLOCK)
    one, two = torch.full_like(base, 2.0), torch.full_like(base, -1.0)
    one[-1] = torch.nan
    program, out = Program((Term(1.0), Term(1.0)), elect=True), torch.empty_like(base)
    found = TorchKernels(part=BLOCK).merge(program, base, [Source(one), Source(two)], out)
    assert out[-1] == -1
    assert set(out[:-1].tolist()) == {2.0}
    assert found is not None
    assert found.l1 == 2 * out.numel() - 1


def test_zeros_have_the_sign_of_a_sum_from_zero() -> None:
    base, nan = torch.full((20,), -0.0), torch.full((20,), torch.nan)
    for program, tensors_ in (
        (Program((Term(-1.0),), elect=True), [base]),
        (Program((Term(-1.0), Term(-1.0)), elect=True), [base, base]),
        (Program((Term(1.0), Term(-1.0)), elect=True), [nan, nan]),
        (Program((Term(-1.0),)), [base]),
        (Program((Term(1.0),), linear=True), [base]),
        (Program((Term(1.0), Term(1.0)), linear=True, divisor=-1.0), [base, base]),
    ):
        sources, out = [Source(t) for t in tensors_], torch.empty(20)
        TorchKernels().merge(program, base, sources, out)
        assert bits(out) == bits(naive.merge(program, base, sources, torch.float32, 0)), program


@pytest.mark.parametrize("step", [0, 1])
def test_what_is_drawn_exactly_at_a_limit_is_decided_by_the_formula(step: int) -> None:
    base, values = torch.zeros(60), torch.full((60,), -1.5)
    source = Source(values, places=torch.full((60,), 3, dtype=torch.uint8))
    for index in range(60):
        u = naive.uniform(11, index)
        low = 0x3FC00000 + 65535 - u + step
        for keep in (
            Band(11, low),
            Band(11, 1, low),
            Random(11, u + step),
            Ranked(11, (u + step - 3 << 14), 1 << 14),
        ):
            out = torch.empty(60)
            TorchKernels().merge(Program((Term(1.0, keep),)), base, [source], out)
            wanted = [naive.kept(keep, naive.F(1.5), 3, at) for at in range(60)]
            assert out.bool().tolist() == wanted, keep


@few
@given(st.lists(cases(largest=60), min_size=2, max_size=4))
def test_kernels_remember_nothing_of_the_last_merge(several: list[Case]) -> None:
    kernels = TorchKernels(part=24)
    for case in several:
        for base in (case.base, None) if case.program.linear else (case.base,):
            found, wanted = case.out, case.out
            kernels.merge(case.program, base, case.sources, found, case.start)
            TorchKernels().merge(case.program, case.base, case.sources, wanted, case.start)
            assert bits(found) == bits(wanted)


class Made(TorchDispatchMode):
    """Notes what steps make in memory of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: set[str] = set()
        self.largest = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        kwargs = kwargs or {}
        given = {
            t.untyped_storage().data_ptr()
            for t in (*args, *kwargs.values())
            if isinstance(t, torch.Tensor)
        }
        found = func(*args, **kwargs)
        self.steps.add(func.name().split("::")[1].split(".")[0])
        for t in found if isinstance(found, list | tuple) else [found]:
            if isinstance(t, torch.Tensor) and t.untyped_storage().data_ptr() not in given:
                self.largest = max(self.largest, t.nbytes)
        return found


@pytest.mark.parametrize("kind", KEEPS)
@pytest.mark.parametrize("elect", [False, True])
def test_a_candidate_makes_no_memory_of_a_part(kind: str, elect: bool) -> None:
    part = 4 * BLOCK
    base, made = tensors(3, 3 * part, 3, torch.bfloat16)
    places = torch.arange(base.numel()).to(torch.uint8)
    sources = [Source(t, places=places) for t in made]
    program = Program(
        tuple(Term(0.3 + i, KEEPS[kind], 1.5) for i in range(3)),
        elect=elect, normalize=elect, factor=0.5,
    )  # fmt: skip
    kernels, out = TorchKernels(part=part), torch.empty_like(base)
    kernels.merge(program, base, sources, out)
    again = replace(program, factor=0.7)
    with Made() as seen:
        kernels.merge(again, base, sources, out)
    assert 0 < seen.largest <= part // 8
    # These take twenty times as long as arithmetic where what they select is random.
    assert not seen.steps & {"where", "masked_fill", "masked_fill_", "index_put_", "nonzero"}


@few
@given(cases())
def test_parts_give_what_the_whole_gives(case: Case) -> None:
    whole, part = case.out, case.out
    one = TorchKernels().merge(case.program, case.base, case.sources, whole, case.start)
    other = TorchKernels(part=16).merge(case.program, case.base, case.sources, part, case.start)
    assert bits(whole) == bits(part)
    assert one is not None
    assert other is not None
    assert one.nonzero == other.nonzero
    assert abs(one.l1 - other.l1) <= 1e-6 * one.l1


@few
@given(cases())
def test_changes_are_those_of_what_was_written(case: Case) -> None:
    out = case.out
    found = TorchKernels().merge(case.program, case.base, case.sources, out, case.start)
    difference = out.double() - case.base.double()
    assert found is not None
    assert found.parameters == out.numel()
    assert found.nonzero == int(difference.count_nonzero())
    assert abs(found.l1 - float(difference.abs().sum())) <= 1e-6 * found.l1
    lost = out.numel() * 1e-37  # squares that float32 is too coarse for
    assert abs(found.squares - float(difference.square().sum())) <= 1e-6 * found.squares + lost


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [BLOCK, 3 * BLOCK, 5 * BLOCK + 700, 9 * BLOCK + 1])
def test_changes_of_several_parts_are_added_up(dtype: torch.dtype, size: int) -> None:
    base, (one,) = tensors(size, size, 1, dtype)
    kernels, program = TorchKernels(part=2 * BLOCK), Program((Term(0.7),))
    large, out = torch.ones(20 * BLOCK), torch.empty_like(base)
    kernels.merge(program, large, [Source(large * 3)], torch.empty_like(large))
    found = kernels.merge(program, base, [Source(one)], out)
    difference = out.double() - base.double()
    assert found is not None
    assert (found.parameters, found.nonzero) == (size, int(difference.count_nonzero()))
    assert found.l1 == pytest.approx(float(difference.abs().sum()), rel=3e-7)
    assert found.squares == pytest.approx(float(difference.square().sum()), rel=3e-7)


@few
@given(cases(largest=40))
def test_norms_are_sums_of_whole_units(case: Case) -> None:
    if case.program.linear:
        return
    for term, source in zip(case.program.terms, case.sources, strict=True):
        found = TorchKernels(part=8).norms(term.keep, case.base, source, 20, case.start)
        before = after = 0
        for local, b in enumerate(case.base):
            d = naive.task_vector(naive.F(float(b)), source, local)
            place = 0 if source.places is None else int(source.places[local])
            units = int(abs(float(d)) * 2**20)
            before += units
            after += units * naive.kept(term.keep, d, place, case.start + local)
        assert found == (before, after)


@few
@given(cases())
def test_tables_count_every_entry_once(case: Case) -> None:
    kernels, source = TorchKernels(part=64), case.sources[0]
    counts = kernels.magnitudes(case.base, source)
    assert counts.shape == (BINS,)
    assert int(counts.sum()) == case.base.numel()
    sums = kernels.shares(5, case.base, source, 20, case.start)
    assert int(sums.sum()) == kernels.norms(case.program.terms[0].keep, case.base, source, 20)[0]


@few
@given(cases(largest=40), st.integers(0, STEPS), st.floats(0, 0.4999))
def test_shares_are_what_each_probability_keeps_more_than_the_last(
    case: Case, probability: int, epsilon: float
) -> None:
    """Entry by entry by the formula of what is kept, at a probability, and up to it in the table."""
    source, size = case.sources[0], case.base.numel()
    step = ranked(3, 0.5, epsilon).step
    spots = torch.randint(0, 256, (size,), dtype=torch.uint8)
    for keep, places in (
        (Random(3, probability * (LEVELS // STEPS)), None),
        (Ranked(3, probability * STRIDE, step), spots),
    ):
        given = replace(source, places=places)
        sums = TorchKernels(part=16).shares(
            3, case.base, given, 20, case.start, getattr(keep, "step", 0)
        )
        wanted = 0
        for local, b in enumerate(case.base):
            d = naive.task_vector(naive.F(float(b)), given, local)
            place = 0 if places is None else int(places[local])
            if naive.kept(keep, d, place, case.start + local):
                wanted += int(abs(float(d)) * 2**20)
        assert sums.shape == (STEPS + 1,)
        assert int(sums[: probability + 1].sum()) == wanted


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0, 1, exclude_max=True))
def test_della_keeps_at_its_probability_whatever_the_place(density: float, share: float) -> None:
    """Place 0 is kept with a probability above 0; no place is further off than half a step, or one."""
    epsilon = share * min(density, 1 - density)
    keep = ranked(1, density, epsilon)
    assert keep.start % STRIDE == 0
    assert keep.start > 0
    raised = (density - epsilon) * STEPS < 0.5  # to one step, or place 0 would never be kept
    for place in (0, 100, 255):
        limit = (keep.start + place * keep.step) >> SHIFT
        wanted = density - epsilon + 2 * epsilon * place / 255
        assert abs(limit / LEVELS - wanted) <= (1 if raised else 0.5) / STEPS + 2e-5
        assert limit > 0
        assert (keep.start + place * keep.step) < 2**31


def test_a_linear_merge_needs_no_base() -> None:
    _, (one, two) = tensors(0, 100, 2, torch.float32)
    out = torch.empty(100)
    program = Program((Term(0.5), Term(0.5)), linear=True)
    assert TorchKernels().merge(program, None, [Source(one), Source(two)], out) is None
    assert torch.equal(out, one * 0.5 + two * 0.5)
