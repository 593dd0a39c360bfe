"""The Triton back end writes the reference's bytes, tensor by tensor and many in one launch.

It runs in Triton's interpreter (TRITON_INTERPRET=1, set in tests/conftest.py before anything
imports triton). On a machine with a GPU, `TRITON_INTERPRET=0 pytest -n 0` with this file runs the
compiled kernels.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import isfinite

import numpy as np
import pytest
import torch
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st
from triton_cases import MARK, Case, bits, case, padding_of, quick_interpreter

from optimerge.merge.change import Change
from optimerge.merge.kernels import triton_merge, triton_table
from optimerge.merge.kernels.magnitudes import magnitudes
from optimerge.merge.kernels.many import Job, ManyKernels, Sum, norms_many
from optimerge.merge.kernels.program import (
    BLOCK,
    LEVELS,
    Band,
    Keep,
    Program,
    Random,
    Ranked,
    Source,
    Term,
)
from optimerge.merge.kernels.reference import TorchKernels
from optimerge.merge.kernels.triton_kernels import TritonKernels

ON = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
few = settings(deadline=None, max_examples=20)
CASES = st.integers(0, 10**6).map(case)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with quick_interpreter():
        yield


@pytest.fixture(scope="module")
def kernels() -> TritonKernels:
    return TritonKernels(ON)


def reference(one: Case) -> tuple[torch.Tensor, Change | None]:
    job = one.job()
    return job.out, run(TorchKernels(), job)


def run(kernels: TorchKernels | TritonKernels, job: Job) -> Change | None:
    return kernels.merge(job.program, job.base, job.sources, job.out, job.start)


def same(job: Job, wanted: torch.Tensor) -> bool:
    return torch.equal(bits(job.out), bits(wanted)) and bool((padding_of(job) == MARK).all())


def close(found: Change | None, wanted: Change | None) -> bool:
    """As the protocol says: counts exactly, sums within 1e-6."""
    if found is None or wanted is None:
        return found is wanted
    return (
        found.parameters == wanted.parameters
        and found.nonzero == wanted.nonzero
        and abs(found.l1 - wanted.l1) <= 1e-6 * wanted.l1
        and abs(found.squares - wanted.squares) <= 1e-6 * wanted.squares
    )


@few
@given(one=CASES)
def test_bytes_and_counts_are_the_references(kernels: TritonKernels, one: Case) -> None:
    wanted, change = reference(one)
    job = one.job(ON)
    found = run(kernels, job)
    assert same(job, wanted)
    assert close(found, change)


@settings(deadline=None, max_examples=5)
@given(some=st.lists(CASES, min_size=2, max_size=6))
def test_many_at_once_give_what_each_alone_gives(kernels: TritonKernels, some: list[Case]) -> None:
    alone = [one.job(ON) for one in some]
    changes = [run(kernels, job) for job in alone]
    jobs = [one.job(ON) for one in some]
    assert kernels.merge_many(jobs) == changes
    assert all(same(job, single.out) for job, single in zip(jobs, alone, strict=True))


def test_equal_structures_share_a_launch_whatever_their_numbers(kernels: TritonKernels) -> None:
    """Scales, divisors, draws and ceilings of one tensor must not leak into another's merge."""
    first = replace(case(0), size=0)
    g = torch.Generator().manual_seed(0)
    terms = (
        (Term(0.5, Band(3, 0x3A123456)), {}),
        (Term(-0.3, Band(4, 0x3A000000), 1.7), {"factor": 0.9}),
        (Term(0.5, Band(5, 0x3A123456, 0x3B234567)), {"divisor": 3.0}),
    )
    jobs, wanted = [], []
    for term, rest in terms:
        base = torch.randn(1030, generator=g).bfloat16()
        source = Source((base.float() + torch.randn(1030, generator=g) * 1e-3).bfloat16())
        one = replace(
            first, program=Program((term,), **rest), base=base, sources=(source,), size=1030
        )
        wanted.append(reference(one))
        jobs.append(one.job(ON))
    found = kernels.merge_many(jobs)
    for job, change, (out, expected) in zip(jobs, found, wanted, strict=True):
        assert same(job, out)
        assert close(change, expected)


def test_more_jobs_than_a_launch_takes_keep_their_order(kernels: TritonKernels) -> None:
    base = torch.zeros(70 * 8)
    ones = torch.ones(70 * 8)
    out = torch.zeros(70 * 8, device=ON)
    sums = [(Term(float(i)),) for i in range(70)]
    parts = [slice(8 * i, 8 * i + 8) for i in range(70)]
    jobs = [
        Job(Program(terms), base[p].to(ON), [Source(ones[p].to(ON))], out[p])
        for terms, p in zip(sums, parts, strict=True)
    ]
    changes = kernels.merge_many(jobs)
    assert out.view(70, 8)[:, 3].tolist() == [float(i) for i in range(70)]
    assert [c.l1 for c in changes if c] == [8.0 * i for i in range(70)]


def test_a_tensor_of_many_blocks_is_merged_and_counted_whole(kernels: TritonKernels) -> None:
    size = 2 * BLOCK + 5
    base = torch.zeros(size)
    source = Source(torch.arange(size) % 2 * 1.0)
    out = torch.empty(size, device=ON)
    program = Program((Term(2.0),))
    found = kernels.merge(program, base.to(ON), [Source(source.values.to(ON))], out)
    assert found == Change(size, size // 2, float(size // 2 * 2), float(size // 2 * 4))
    assert torch.equal(out.cpu(), source.values * 2)


@few
@given(one=CASES)
def test_norms_are_the_references(kernels: TritonKernels, one: Case) -> None:
    if one.base is None:
        return
    here, there = one.job(), one.job(ON)
    term, mine, its = one.program.terms[0], here.sources[0], there.sources[0]
    assert here.base is not None
    assert there.base is not None
    wanted = TorchKernels().norms(term.keep, here.base, mine, 30, one.start)
    assert norms_many(kernels, [Sum(term.keep, there.base, its, 30, one.start)] * 2) == [wanted] * 2


def test_tables_are_the_references(kernels: TritonKernels) -> None:
    g = torch.Generator().manual_seed(0)
    base, values = torch.randn(900, generator=g), Source(torch.randn(900, generator=g))
    wanted = TorchKernels().magnitudes(base, values)
    spots = torch.randint(0, 256, (900,), generator=g, dtype=torch.uint8)
    there = Source(values.values.to(ON), places=spots.to(ON))
    assert torch.equal(kernels.magnitudes(base.to(ON), there), wanted)
    for step in (0, 10**6):
        shares = TorchKernels().shares(5, base, replace(values, places=spots), 30, 3, step)
        assert torch.equal(kernels.shares(5, base.to(ON), there, 30, 3, step), shares)
    delta = torch.randn(9, 100, generator=g)
    assert torch.equal(kernels.places(delta.to(ON)).cpu(), TorchKernels().places(delta))


def test_results_that_are_no_numbers_are_written_and_make_the_sums_not_finite(
    kernels: TritonKernels,
) -> None:
    base = torch.tensor([0.0, 1.0, -1.0, 3.0e38, 2.0])
    values = torch.tensor([torch.nan, torch.inf, -torch.inf, -3.0e38, 2.0])
    program = Program((Term(1.0), Term(0.5, Random(1, 65536))))
    for dtype in (torch.bfloat16, torch.float32):
        wanted, out = torch.empty(5, dtype=dtype), torch.empty(5, dtype=dtype, device=ON)
        TorchKernels().merge(program, base, [Source(values)] * 2, wanted)
        with np.errstate(all="ignore"):  # the interpreter computes with numpy
            found = kernels.merge(program, base.to(ON), [Source(values.to(ON))] * 2, out)
        assert torch.equal(out.cpu().isnan(), wanted.isnan())
        assert torch.equal(out.cpu().nan_to_num(), wanted.nan_to_num())
        assert found is not None
        assert found.nonzero == 4
        assert not isfinite(found.l1)


def test_what_it_cannot_read_is_refused(kernels: TritonKernels) -> None:
    whole = torch.zeros(3, device=ON)
    one, ranked = Program((Term(1.0),)), Program((Term(1.0, Ranked(1, 0, 0)),))
    with pytest.raises(TypeError, match="cannot read torch"):
        kernels.merge(one, whole, [Source(whole.double())], whole)
    with pytest.raises(TypeError, match="needs the places"):
        kernels.merge(ranked, whole, [Source(whole)], whole)
    with pytest.raises(ValueError, match="1 terms and 2 sources"):
        kernels.merge(one, whole, [Source(whole)] * 2, whole)


def test_only_this_back_end_is_asked_for_many_at_once(kernels: TritonKernels) -> None:
    assert isinstance(kernels, ManyKernels)
    assert not isinstance(TorchKernels(), ManyKernels)
    jobs = [one.job() for one in (case(1), case(2))]
    sums = [Sum(j.program.terms[0].keep, j.base, j.sources[0], 30, j.start) for j in jobs]
    alone = [TorchKernels().norms(s.keep, s.base, s.source, s.unit, s.start) for s in sums]
    assert norms_many(TorchKernels(), sums) == alone


# Faults planted in the back end, each seen by the comparison that the tests above make.


def other_key(patch: pytest.MonkeyPatch) -> None:
    def wrong(cells: np.ndarray, keeps: Sequence[Keep]) -> None:
        keep_cells(cells, keeps)
        cells[:, triton_table.KEY] ^= 1

    keep_cells = triton_table.keep_cells
    patch.setattr(triton_table, "keep_cells", wrong)


def next_bin(patch: pytest.MonkeyPatch) -> None:
    limits = triton_table._limits
    patch.setattr(triton_table, "_limits", lambda keep: (limits(keep)[0] + LEVELS, limits(keep)[1]))


def next_draw(patch: pytest.MonkeyPatch) -> None:
    limits = triton_table._limits
    patch.setattr(triton_table, "_limits", lambda keep: (limits(keep)[0] + 4096, limits(keep)[1]))


def truncation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(triton_merge, "rounded", lambda y: y.to(tl.uint32, bitcast=True) & 0xFFFF0000)


def another_start(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(triton_table, "START", triton_table.SIZE)


@pytest.mark.skipif(ON != "cpu", reason="faults are planted in the interpreter's Python")
@pytest.mark.parametrize("fault", [other_key, next_bin, next_draw, truncation, another_start, None])
def test_planted_faults_are_seen(
    kernels: TritonKernels, fault: Callable[[pytest.MonkeyPatch], None] | None
) -> None:
    g = torch.Generator().manual_seed(1)
    base = (torch.randn(1024, generator=g) * 0.02).bfloat16()
    experts = [(base.float() + torch.randn(1024, generator=g) * 2e-3).bfloat16() for _ in "ab"]
    sources = tuple(Source(expert) for expert in experts)
    tables = [magnitudes(TorchKernels().magnitudes(base, source)) for source in sources]
    terms = tuple(Term(0.7, Band(key, table.code(500))) for key, table in enumerate(tables))
    program = Program(terms, elect=True, normalize=True)
    one = Case(program, base, sources, torch.bfloat16, 1024, 0, 0)
    wanted, change = reference(one)
    job = one.job()
    with pytest.MonkeyPatch.context() as patch:
        if fault is not None:
            fault(patch)
        found = run(kernels, job)
    assert same(job, wanted) == (fault is None)
    assert close(found, change) == (fault is None)
