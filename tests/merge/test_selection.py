"""The two ways of choosing entries: by hash, and as mergekit does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from optimerge.merge.selection.exact import ExactSelection
from optimerge.merge.selection.hashed import HashedSelection, hash_key
from optimerge.merge.selection.ranks import middle_ranks, stable_ranks
from optimerge.merge.selection.splitmix import Stream, uniforms, words

few = settings(deadline=None, max_examples=60)
MAGNITUDES = st.lists(st.integers(-4, 4), min_size=1, max_size=300)


def hashed(seed: int = 0, *names: str) -> HashedSelection:
    return HashedSelection(seed, "model.layers.0.mlp.up_proj.weight", names or ("a", "b"))


def exact(seed: int = 0) -> ExactSelection:
    return ExactSelection(torch.Generator().manual_seed(seed))


# The hash. These values must never change: the masks of every stored study follow from them.


def test_words_are_those_of_splitmix64():
    reference = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
    assert [int(w) % 2**64 for w in words(0, 0, 3)] == list(reference)


def test_words_are_those_of_integer_arithmetic():
    def word(key: int, index: int) -> int:
        z = (key + (index + 1) * 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    for key in (1, -1, 2**63 - 1, -(2**63)):
        for first in (0, 5, 2**40):
            found = [int(w) % 2**64 for w in words(key, first, 9)]
            assert found == [word(key, first + i) for i in range(9)]


@few
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2**40), st.sampled_from((1, 7, 50))), min_size=1, max_size=9),
)
def test_a_stream_gives_the_uniforms_of_each_key(keys, runs):
    stream = Stream(50)
    draw, other = stream.draws(keys), stream.draws([5])
    for first, count in runs:
        found = draw(first, count).tolist()
        assert found == [uniforms(key, first, count).tolist() for key in keys]
    assert other(*runs[0]).tolist() == [uniforms(5, *runs[0]).tolist()]


def test_pinned_key_and_mask():
    assert hash_key(7, "w", "m", "mask") == -3402532171074491587
    mask = HashedSelection(7, "w", ("m",)).random(0, torch.zeros(32), 0.5)
    assert "".join("01"[int(kept)] for kept in mask) == "01111010111010001001000110000010"


def test_keys_tell_all_their_parts_apart():
    keys = {
        hash_key(seed, tensor, source, purpose)
        for seed in (0, 1, 11)
        for tensor in ("w", "w1")
        for source in ("", "1", "1m")
        for purpose in ("mask", "ties")
    }
    assert len(keys) == 36


@few
@given(st.integers(0, 50), st.integers(0, 50))
def test_a_shard_gets_the_uniforms_of_its_place(first, count):
    assert torch.equal(uniforms(9, first, count), uniforms(9, 0, 100)[first : first + count])


def test_uniforms_are_uniform_and_independent():
    size = 1 << 16
    columns = [
        uniforms(hash_key(seed, tensor, source, "mask"), 0, size).double() / 2**15
        for seed, tensor, source in (
            (0, "w", "a"), (1, "w", "a"), (0, "x", "a"), (0, "w", "b"), (2, "w", "a")
        )
    ]  # fmt: skip
    for column in columns:
        counts = torch.histc(column.float(), 64, -1, 1)
        chi2 = float(((counts - size / 64) ** 2 / (size / 64)).sum())
        assert chi2 < 63 + 5 * (2 * 63) ** 0.5
        for lag in (1, 2, 3, 4, 5, 8, 64, 1000, 4096):
            z = float((column[:-lag] * column[lag:]).sum()) * 3 / (size - lag) ** 0.5
            assert abs(z) < 5
    crossed = torch.corrcoef(torch.stack(columns)).fill_diagonal_(0)
    assert float(crossed.abs().max()) * size**0.5 < 5


# Random masks.


@pytest.mark.parametrize("select", [hashed(), exact()], ids=["hashed", "exact"])
@pytest.mark.parametrize("share", [0.0, 1e-3, 0.25, 0.9, 1.0])
def test_random_keeps_the_share(select, share):
    size = 1 << 17
    kept = int(select.random(0, torch.zeros(size), share).sum())
    assert abs(kept - share * size) <= 5 * (share * (1 - share) * size) ** 0.5


@few
@given(st.floats(-0.5, 1.5), st.floats(0, 1))
def test_hashed_masks_are_nested_in_density(low, more):
    delta = torch.zeros(20, 15)
    fewer, rest = hashed().random(1, delta, low), hashed().random(1, delta, low + more)
    assert not (fewer & ~rest).any()


def test_one_probability_an_entry_is_as_one_for_all():
    delta = torch.zeros(40, 50)
    for share in (0.0, 0.3, 0.9999999, 1.0):
        for dtype in (torch.float32, torch.float64):
            each = torch.full(delta.shape, share, dtype=dtype)
            assert torch.equal(hashed().random(0, delta, each), hashed().random(0, delta, share))


def test_masks_belong_to_the_model_wherever_it_stands():
    delta = torch.zeros(99)
    there = hashed(3, "a", "b").random(1, delta, 0.5)
    assert torch.equal(there, hashed(3, "b", "c").random(0, delta, 0.5))
    assert not torch.equal(there, hashed(3, "a", "b").random(0, delta, 0.5))
    assert not torch.equal(there, hashed(4, "a", "b").random(1, delta, 0.5))


def test_exact_draws_the_stream_of_mergekit():
    select = exact(77)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(77)  # noqa: TID251  # what mergekit does
        for size, share, dtype in ((7, 0.5, torch.float32), (333, 0.9, torch.bfloat16)):
            delta = torch.zeros(size, dtype=dtype)
            theirs = torch.bernoulli(torch.full((size,), share, dtype=dtype)).bool()
            assert torch.equal(select.random(0, delta, share), theirs)
        assert torch.equal(select.sample(5_000_000, 1000), torch.randint(5_000_000, (1000,)))
    assert hashed().sample(5_000_000, 1000) is None


def test_exact_rounds_the_density_of_bfloat16_task_vectors():
    size = 1 << 18
    kept = exact().random(0, torch.zeros(size, dtype=torch.bfloat16), 0.9)
    assert abs(float(kept.float().mean()) - 0.8984375) < 0.0012


# Magnitudes.


@few
@given(MAGNITUDES, st.floats(0, 1))
def test_exact_keeps_as_many_as_it_is_told_and_ties_by_lowest_index(values, share):
    delta, keep = torch.tensor(values, dtype=torch.float32), int(share * len(values))
    by_index = sorted(range(len(values)), key=lambda i: (-abs(values[i]), i))[:keep]
    mask = exact().largest(0, delta, keep)
    assert mask.nonzero().flatten().tolist() == sorted(by_index)
    band = exact().band(0, delta, len(values) - keep, keep)
    assert int(band.sum()) == keep


@few
@given(MAGNITUDES, st.floats(0, 1))
def test_hashed_keeps_what_is_above_the_threshold_and_only_ties_beside_it(values, share):
    delta, keep = torch.tensor(values, dtype=torch.float32), int(share * len(values))
    mask = hashed().largest(0, delta, keep)
    if keep == 0:
        assert not mask.any()
        return
    threshold = sorted(map(abs, values), reverse=True)[keep - 1]
    assert mask[delta.abs() > threshold].all()
    assert not mask[delta.abs() < threshold].any()


@few
@given(MAGNITUDES, st.floats(0, 1), st.floats(0, 1))
def test_hashed_magnitude_masks_are_nested(values, a, b):
    delta = torch.tensor(values, dtype=torch.float32)
    low, high = sorted(int(share * len(values)) for share in (a, b))
    fewer, more = hashed().largest(0, delta, low), hashed().largest(0, delta, high)
    assert not (fewer & ~more).any()
    band = hashed().band(0, delta, len(values) - high, high - low)
    assert torch.equal(band, more & ~fewer)


def test_hashed_ties_are_kept_in_proportion_and_everywhere():
    delta = torch.ones(100_000)
    mask = hashed().largest(0, delta, 30_000)
    assert abs(int(mask.sum()) - 30_000) < 5 * (0.3 * 0.7 * 100_000) ** 0.5
    tenths = mask.view(10, -1).float().mean(dim=1)
    assert (tenths - 0.3).abs().max() < 0.03
    assert not torch.equal(mask, hashed().random(0, delta, 0.3)), "ties have a key of their own"


def test_ranks():
    rows = torch.tensor([[3.0, 1.0, 1.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    assert middle_ranks(rows).tolist() == [[4, 1.5, 1.5, 3], [2.5] * 4]
    assert stable_ranks(rows).tolist() == [[4, 1, 2, 3], [1, 2, 3, 4]]
    assert stable_ranks(rows[0]).tolist() == [4, 1, 2, 3]
    deep = rows.view(1, 2, 4).transpose(1, 2)
    for ranks in (middle_ranks, stable_ranks):
        assert torch.equal(ranks(deep), ranks(rows).view(1, 2, 4).transpose(1, 2))


def test_exact_ranks_lose_precision_in_bfloat16_as_mergekits_do():
    delta = torch.arange(600.0).to(torch.bfloat16)
    assert exact().row_ranks(0, delta).dtype == torch.bfloat16
    assert exact().row_ranks(0, delta.half()).dtype == torch.float32
