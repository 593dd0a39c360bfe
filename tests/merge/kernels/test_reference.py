"""The torch back end computes what the formulas in `program` say, whatever the parts."""

from dataclasses import replace

import naive
import torch
from cases import Case, cases, tensors
from hypothesis import given, settings
from hypothesis import strategies as st

from optimerge.merge.kernels.places import ranked
from optimerge.merge.kernels.program import (
    BINS,
    LEVELS,
    SHIFT,
    STEPS,
    STRIDE,
    Random,
    Ranked,
    Source,
)
from optimerge.merge.kernels.reference import TorchKernels

few = settings(deadline=None, max_examples=60)


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
    from optimerge.merge.kernels.program import Program, Term

    _, (one, two) = tensors(0, 100, 2, torch.float32)
    out = torch.empty(100)
    program = Program((Term(0.5), Term(0.5)), linear=True)
    assert TorchKernels().merge(program, None, [Source(one), Source(two)], out) is None
    assert torch.equal(out, one * 0.5 + two * 0.5)
