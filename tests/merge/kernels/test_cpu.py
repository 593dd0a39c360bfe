"""The compiled back end gives the bytes, integers and sums of the torch reference."""

import ctypes
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isclose, isfinite
from pathlib import Path

import pytest
import torch
from cases import FLOATS, Case, cases, tensors
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from optimerge.merge.change import Change
from optimerge.merge.kernels import library, structs
from optimerge.merge.kernels.cpu import CompiledKernels
from optimerge.merge.kernels.library import PART, available
from optimerge.merge.kernels.places import ranked
from optimerge.merge.kernels.program import Band, Keep, Program, Random, Source, Term, Whole
from optimerge.merge.kernels.reference import TorchKernels

EXPECT_NONE = "OPTIMERGE_NO_COMPILER"
"""Environment: set where no C++ compiler is expected, so that these tests cannot run."""
SPECIAL = (0.0, -0.0, 1e-45, -1e-39, 6e-8, 65504.0, 3e38, -1e30, float("inf"), float("nan"))
few = settings(deadline=None, max_examples=80)


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    if available().levels:
        return
    if os.environ.get(EXPECT_NONE):
        pytest.skip(f"{EXPECT_NONE} is set: {available().reason}")
    pytest.fail(f"{available().reason}; or set {EXPECT_NONE}=1 if this machine is to have none")


@st.composite
def hard_cases(draw: st.DrawFn) -> Case:
    """Draw a case of several tiles, of unlike dtypes, with special values and up to 15 terms."""
    case = draw(cases(largest=3500))
    times = draw(st.integers(1, 3))
    terms, sources = case.program.terms * times, list(case.sources * times)
    steps = case.sources[0].scales is not None
    base = case.base.to(draw(st.sampled_from(FLOATS)))
    if not steps:
        unlike = draw(st.lists(st.sampled_from(FLOATS), min_size=len(terms), max_size=len(terms)))
        sources = [replace(s, values=s.values.to(t)) for s, t in zip(sources, unlike, strict=True)]
    for values in (base, *(s.values for s in sources if not steps)):
        for special in draw(st.lists(st.sampled_from(SPECIAL), max_size=3)):
            values[draw(st.integers(0, values.numel() - 1))] = special
    program = replace(case.program, terms=terms)
    return replace(case, program=program, base=base, sources=tuple(sources))


def same(one: Tensor, other: Tensor) -> bool:
    """Whether all bytes are equal, but for those of a NaN."""
    kind = {2: torch.int16, 4: torch.int32}[one.element_size()]
    return bool(((one.view(kind) == other.view(kind)) | (one.isnan() & other.isnan())).all())


def alike(one: Change | None, other: Change | None) -> bool:
    if one is None or other is None:
        return one is other
    sums = ((one.l1, other.l1), (one.squares, other.squares))
    return (one.parameters, one.nonzero) == (other.parameters, other.nonzero) and all(
        isclose(a, b, rel_tol=1e-6) or not (isfinite(a) or isfinite(b)) for a, b in sums
    )


def agrees(case: Case, kernels: CompiledKernels, base: Tensor | None) -> bool:
    """Whether the kernels write and say what the reference does, and nothing beside `out`."""
    wanted, size = case.out, case.base.numel()
    change = TorchKernels().merge(case.program, base, case.sources, wanted, case.start)
    room = torch.full((size + 7,), 55.0).to(case.dtype)
    lead = case.start % 5  # so that its place is of any alignment
    found = kernels.merge(case.program, base, case.sources, room[lead : lead + size], case.start)
    around = torch.cat((room[:lead], room[lead + size :]))
    return (
        same(room[lead : lead + size], wanted)
        and alike(found, change)
        and bool((around == 55).all())
    )


def levels() -> Iterator[CompiledKernels]:
    for level in available().levels:
        yield CompiledKernels(1, level)


@few
@given(cases(largest=3500))
def test_merges_are_those_of_the_reference(case: Case) -> None:
    for kernels in levels():
        assert agrees(case, kernels, case.base), kernels.level


@few
@given(hard_cases(), st.booleans())
def test_unlike_dtypes_special_values_and_many_terms_too(case: Case, based: bool) -> None:
    for kernels in levels():
        assert agrees(case, kernels, case.base if based or not case.program.linear else None)


@few
@given(hard_cases(), st.sampled_from((0, 20, 40)))
def test_measurements_are_those_of_the_reference(case: Case, unit: int) -> None:
    if case.program.linear:
        return
    # The payload of a NaN is no magnitude: processors convert it from float16 in two ways.
    assume(not any(t.isnan().any() for t in (case.base, *(s.values for s in case.sources))))
    for kernels in (TorchKernels(), *levels()):
        found = []
        for term, source in zip(case.program.terms, case.sources, strict=True):
            found.append(kernels.norms(term.keep, case.base, source, unit, case.start))
        found += kernels.magnitudes(case.base, case.sources[0]).tolist()
        for source in case.sources:
            step = 0 if source.places is None else 3_000_017
            found += kernels.shares(7, case.base, source, unit, case.start, step).tolist()
        if isinstance(kernels, TorchKernels):
            wanted = found
        assert found == wanted


def large(size: int, keep: Callable[[int], Keep]) -> Case:
    base, made = tensors(3, size, 3, torch.bfloat16)
    places = torch.arange(size).remainder_(251).to(torch.uint8)
    terms = tuple(Term(0.3 + 0.1 * i, keep(i), 1.25) for i in range(3))
    sources = tuple(Source(tensor, places=places) for tensor in made)
    return Case(Program(terms, elect=True), base, sources, torch.bfloat16, start=5)


KEEPS: dict[str, Callable[[int], Keep]] = {
    "whole": lambda _: Whole(),
    "bins": lambda i: Band(i, 0x39500000),
    "edges": lambda i: Band(i, 0x39504000, 0x3B001000),
    "random": lambda i: Random(i, 30000),
    "ranked": lambda i: ranked(i, 0.5, 0.2),
}


@pytest.mark.parametrize("keep", KEEPS)
def test_any_number_of_threads_gives_the_same(keep: str) -> None:
    case = large(5 * PART // 2 + 77, KEEPS[keep])
    results = []
    delta = torch.randn(500, 1100, generator=torch.Generator().manual_seed(0))
    for threads in (1, 3):
        kernels, out = CompiledKernels(threads), case.out
        change = kernels.merge(case.program, case.base, case.sources, out, case.start)
        term, source = case.program.terms[1], case.sources[1]
        results.append((
            out.view(torch.int16),
            kernels.magnitudes(case.base, source),
            kernels.shares(9, case.base, source, 30, 5),
            kernels.shares(9, case.base, source, 30, 5, 10**6),
            kernels.places(delta),
            change,
            kernels.norms(term.keep, case.base, source, 30, 5),
        ))  # fmt: skip
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three) if isinstance(one, Tensor) else one == three
    assert agrees(case, CompiledKernels(3), case.base)


def test_parts_of_a_tensor_give_what_the_whole_gives() -> None:
    case = large(9000, KEEPS["ranked"])
    whole, parts = case.out, case.out
    CompiledKernels(1).merge(case.program, case.base, case.sources, whole, 5)
    for first, last in ((0, 1), (1, 1030), (1030, 5003), (5003, 9000)):
        cut = [replace(s, values=s.values[first:last], places=s.places[first:last])
               for s in case.sources if s.places is not None]  # fmt: skip
        CompiledKernels(1).merge(
            case.program, case.base[first:last], cut, parts[first:last], 5 + first
        )
    assert same(whole, parts)


@pytest.mark.parametrize(
    ("keep", "field", "change"),
    [
        ("bins", "above", lambda value: value + (1 << 16)),
        ("edges", "above", lambda value: value + 4096),
        ("edges", "upto", lambda value: value - 4096),
        ("edges", "key", lambda value: value ^ 1),
        ("random", "key", lambda value: value ^ 1),
        ("random", "below", lambda value: value + 64),
        ("ranked", "step", lambda value: value + 4096),
        ("ranked", "kind", lambda _: structs.RANDOM),
    ],
)
def test_a_fault_is_caught(
    keep: str, field: str, change: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = large(20000, KEEPS[keep])
    assert agrees(case, CompiledKernels(1), case.base)
    right = structs.keep_struct

    def wrong(keep: Keep) -> structs.CKeep:
        struct = right(keep)
        setattr(struct, field, change(getattr(struct, field)))
        return struct

    monkeypatch.setattr(structs, "keep_struct", wrong)
    assert not agrees(case, CompiledKernels(1), case.base)


@pytest.mark.parametrize("changed", ["divisor", "factor", "normalize", "weight", "scale"])
def test_a_fault_in_the_numbers_is_caught(changed: str) -> None:
    case = large(20000, KEEPS["random"])
    out = case.out
    if changed in ("weight", "scale"):
        term = case.program.terms[2]
        wrong = replace(term, **{changed: getattr(term, changed) * 1.01})
        other = replace(case.program, terms=(*case.program.terms[:2], wrong))
    else:
        value = {"divisor": 1.01, "factor": 1.01, "normalize": True}[changed]
        other = replace(case.program, elect=changed != "divisor", **{changed: value})
    CompiledKernels(1).merge(other, case.base, case.sources, out, case.start)
    wanted = case.out
    TorchKernels().merge(case.program, case.base, case.sources, wanted, case.start)
    assert not same(out, wanted)


SHAPES = st.one_of(
    st.tuples(st.integers(1, 3000)),
    st.tuples(st.integers(1, 5), st.integers(1, 3000)),
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 5)),
)


@few
@given(SHAPES, st.integers(0, 2**31), st.sampled_from(FLOATS), st.integers(0, 30))
def test_places_are_those_of_the_reference(
    shape: tuple[int, ...], seed: int, dtype: torch.dtype, bits: int
) -> None:
    g = torch.Generator().manual_seed(seed)
    delta = torch.randn(shape, generator=g).to(dtype)
    delta[torch.rand(shape, generator=g) < 0.1] = -0.0
    delta[torch.rand(shape, generator=g) < 0.01] = float("inf")
    coarse = (delta.float().view(torch.int32) >> bits << bits).view(torch.float32)  # many ties
    for kernels in levels():
        for one in (delta, coarse):
            assert torch.equal(kernels.places(one), TorchKernels().places(one))


@pytest.mark.parametrize("fault", ["step", "key", "start", "places"])
def test_a_fault_in_a_table_of_shares_is_caught(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, made = tensors(3, 5000, 1, torch.bfloat16)
    source = Source(made[0], places=torch.arange(5000).remainder_(251).to(torch.uint8))
    given = {"key": 9, "start": 5, "step": 10**6}
    wanted = TorchKernels().shares(base=base, source=source, unit=30, **given)
    assert torch.equal(
        CompiledKernels(1).shares(base=base, source=source, unit=30, **given), wanted
    )
    if fault == "places":
        assert source.places is not None
        places = source.places.clone()
        places[17] += 40
        source = replace(source, places=places)
    else:
        given[fault] += {"step": 64, "key": 1, "start": 1}[fault]
    found = CompiledKernels(1).shares(base=base, source=source, unit=30, **given)
    assert not torch.equal(found, wanted)


def test_nothing_is_a_merge_too() -> None:
    nothing = torch.zeros(0)
    change = CompiledKernels(2).merge(
        Program((Term(1.0),)), nothing, [Source(nothing)], torch.zeros(0)
    )
    assert change == Change(0, 0, 0.0, 0.0)


def test_what_the_kernels_cannot_read_is_refused() -> None:
    kernels, base = CompiledKernels(1), torch.zeros(8)
    program = Program((Term(1.0),))
    wrong = (
        Source(torch.zeros(9)),
        Source(torch.zeros(8, dtype=torch.float64)),
        Source(torch.zeros(16)[::2]),
        Source(torch.zeros(8, dtype=torch.int8)),
        Source(torch.zeros(8), torch.ones(1), 8),
        Source(torch.zeros(8, dtype=torch.int8), torch.ones(1), 4),
    )
    for source in wrong:
        with pytest.raises(TypeError):
            kernels.merge(program, base, [source], torch.zeros(8))
    with pytest.raises(TypeError, match="needs the base"):
        kernels.merge(program, None, [Source(base)], torch.zeros(8))
    with pytest.raises(TypeError, match="needs the places"):
        kernels.norms(ranked(1, 0.5, 0.1), base, Source(base), 20)
    with pytest.raises(TypeError, match="needs the places"):
        kernels.shares(1, base, Source(base), 20, step=5)


def test_without_the_library_it_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library.load.cache_clear()
    monkeypatch.setattr(library, "_places", lambda: iter([tmp_path / "compiled.so"]))
    try:
        assert available().levels == ()
        assert "install a C++ compiler" in available().reason
        with pytest.raises(ImportError, match="install a C\\+\\+ compiler"):
            CompiledKernels(1)
        (tmp_path / "compiled.so").write_text("no library")
        assert available().levels == ()
        assert "compiled.so" in available().reason
    finally:
        library.load.cache_clear()


def test_a_level_that_this_processor_lacks_is_refused() -> None:
    with pytest.raises(ImportError, match=r"this processor has baseline.*, not v9"):
        CompiledKernels(1, "v9")


def test_a_library_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    library.load.cache_clear()
    monkeypatch.setattr(library, "VERSION", 0)
    try:
        assert "of another version" in available().reason
    finally:
        library.load.cache_clear()


def test_the_structs_are_as_large_as_the_compiler_makes_them() -> None:
    sizes = (library.load().optimerge_size(n) for n in range(5))
    ours = (structs.CKeep, structs.CTerm, structs.CMerge, structs.CMeasure, structs.CSums)
    assert tuple(sizes) == tuple(map(ctypes.sizeof, ours))
