"""Tries, groups and batches hold each request's tokens once, where the model must see them."""

import itertools
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimerge.objectives.tokens.batches import make_batch, split
from optimerge.objectives.tokens.budget import Budget
from optimerge.objectives.tokens.groups import Span, shared_prefixes
from optimerge.objectives.tokens.request import Chain, Request, shared_length
from optimerge.objectives.tokens.rows import Row, flat_rows, make_row, tree_rows

LONGEST = 12
tokens = st.lists(st.integers(0, 2), min_size=1, max_size=16).map(tuple)
answers = st.lists(st.integers(0, 2), min_size=1, max_size=5).map(tuple)
requests = st.lists(st.builds(Request, tokens, answers), min_size=1, max_size=12)


def chains_of(asked: list[Request]) -> list[Chain]:
    return sorted(Chain.of(each, i, LONGEST) for i, each in enumerate(asked))


def seen(row: Row, node: int) -> tuple[int, ...]:
    """What the ancestor mask lets a node see, in the order of positions."""
    places = [j for j in range(node + 1) if node < row.ends[j]]
    return tuple(row.tokens[j] for j in sorted(places, key=lambda j: row.depths[j]))


def assert_holds(rows: list[Row], chains: list[Chain], prefix: tuple[int, ...] = ()) -> None:
    """Each target of each chain stands once, after just the tokens that lm-eval puts before it."""
    wanted = Counter(
        (chain.inputs[: chain.stem + k + 1], target, chain.request)
        for chain in chains
        for k, target in enumerate(chain.targets)
    )
    found = Counter(
        (prefix + seen(row, node), target, request)
        for row in rows
        for node, target, request in row.needed
    )
    assert found == wanted
    for row in rows:
        for node, depth in enumerate(row.depths):
            assert len(prefix) + len(seen(row, node)) == depth + 1


@given(requests, st.integers(1, 64))
def test_rows_hold_what_lm_eval_runs(asked: list[Request], width: int) -> None:
    chains = chains_of(asked)
    flat, tree = flat_rows(chains), tree_rows(chains, width)
    assert_holds(flat, chains)
    assert_holds(tree, chains)
    assert not any(row.branches for row in flat)
    assert len({row.tokens for row in flat}) == len(flat)
    assert sum(map(len, tree)) <= sum(map(len, flat))


@given(requests, st.integers(0, 20))
def test_groups_hold_what_lm_eval_runs(asked: list[Request], overhead: int) -> None:
    chains = chains_of(asked)
    spans = shared_prefixes(chains, overhead)
    assert [span.start for span in spans] == [0, *[span.stop for span in spans[:-1]]]
    assert spans[-1].stop == len(chains)
    for span in spans:
        mates = chains[span.start : span.stop]
        prefix = mates[0].inputs[: span.prefix]
        assert_holds(tree_rows(mates, 8, span.prefix), mates, prefix)
        assert all(chain.inputs[: span.prefix] == prefix for chain in mates)


def saving(chains: list[Chain], spans: list[Span], overhead: int) -> int:
    total = 0
    for span in spans:
        mates = chains[span.start : span.stop]
        contexts = {chain.inputs[: chain.stem + 1] for chain in mates}
        total += (len(contexts) - 1) * span.prefix - overhead if span.prefix else 0
    return total


def most(chains: list[Chain], overhead: int) -> int:
    """The best saving of: one prefix for all, or each branch after it on its own."""
    contexts = sorted({chain.inputs[: chain.stem + 1] for chain in chains})

    def best(group: list[tuple[int, ...]]) -> int:
        if len(group) < 2:
            return 0
        shared = min(shared_in(group[0], group[-1]), *(len(each) - 1 for each in group))
        branches = [[group[0]]]
        for before, own in itertools.pairwise(group):
            if min(shared_in(before, own), len(before) - 1, len(own) - 1) > shared:
                branches[-1].append(own)
            else:
                branches.append([own])
        apart = sum(map(best, branches)) if len(branches) > 1 else 0
        return max(0, (len(group) - 1) * shared - overhead, apart)

    return best(contexts)


def shared_in(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    same = (a == b for a, b in zip(one, other, strict=False))
    return sum(itertools.takewhile(bool, same))


@given(requests, st.integers(0, 8))
def test_prefixes_save_the_most_tokens_of_all_splits_at_branches(
    asked: list[Request], overhead: int
) -> None:
    # Answers of one token: then contexts in order are chains in order.
    chains = chains_of([Request(each.context, each.answer[:1]) for each in asked])
    assert saving(chains, shared_prefixes(chains, overhead), overhead) == most(chains, overhead)


def test_a_prefix_that_does_not_pay_is_not_shared() -> None:
    chains = chains_of([Request((1, 1, 1, i), (5,)) for i in range(3)])
    assert shared_prefixes(chains, overhead=5) == [Span(0, 3, 3)]
    assert shared_prefixes(chains, overhead=6) == [Span(0, 3, 0)]


@given(requests, st.integers(1, 60), st.integers(1, 30))
def test_batches_after_a_prefix_hold_so_many_copies_of_it(
    asked: list[Request], kept: int, prefix: int
) -> None:
    rows = flat_rows(chains_of(asked))
    for batch in split(rows, Budget(1000, 1000, kept), 3, prefix=prefix):
        longest = max(map(len, batch))
        assert len(batch) == 1 or (prefix + longest) * len(batch) <= kept


@given(requests, st.integers(1, 40), st.integers(1, 60), st.booleans())
@settings(max_examples=50)
def test_batches_hold_each_row_once_within_the_budget(
    asked: list[Request], budget: int, logits: int, level: bool
) -> None:
    rows = flat_rows(chains_of(asked))
    batches = list(split(rows, Budget(budget, logits), 3, level=level))
    assert Counter(row for batch in batches for row in batch) == Counter(rows)
    for batch in batches:
        made = make_batch(batch, "cpu")
        assert len(batch) == 1 or made.size <= budget
        assert len(batch) == 1 or int(made.needed.sum()) * 3 <= logits
        assert not level or made.tokens == made.size
        at = made.needed.flatten().nonzero().flatten()[made.places]
        expected = [
            (number * made.ids.shape[1] + node, target, request)
            for number, row in enumerate(batch)
            for node, target, request in row.needed
        ]
        found = zip(at.tolist(), made.targets.tolist(), made.requests, strict=True)
        assert list(found) == expected


def test_a_trie_marks_where_branches_end() -> None:
    chains = [Chain((7, 8), (1,), 0), Chain((7, 8, 9), (2,), 1), Chain((7, 4), (3,), 2)]
    row = make_row(sorted(chains))
    assert row.tokens == (7, 4, 8, 9)
    assert row.ends == (4, 2, 4, 4)
    assert row.depths == (0, 1, 1, 2)
    assert row.branches


def test_long_contexts_are_cut_as_lm_eval_cuts_them() -> None:
    chain = Chain.of(Request(tuple(range(20)), (30, 31)), 0, LONGEST)
    assert chain.inputs == (*range(9, 20), 30)
    assert chain.targets == (30, 31)
    assert Chain.of(Request((1,), (2,) * LONGEST), 0, LONGEST).inputs == (1, *(2,) * 11)
    with pytest.raises(ValueError, match="13 tokens, but the model takes 12"):
        Chain.of(Request((1,), (2,) * 13), 0, LONGEST)


@pytest.mark.parametrize(("context", "answer"), [((), (1,)), ((1,), ())])
def test_empty_sides_are_refused(context: tuple[int, ...], answer: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="needs context and answer"):
        Request(context, answer)


@given(tokens, tokens)
def test_shared_length_is_where_they_part(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    parted = [a == b for a, b in zip(one, other, strict=False)]
    assert shared_length(one, other) == [*parted, False].index(False)


def test_padding_is_on_the_right_and_sees_itself_alone() -> None:
    rng = Random(1)
    rows = flat_rows(
        chains_of([Request(tuple(rng.choices(range(1, 9), k=n)), (1,)) for n in (3, 6)])
    )
    batch = make_batch(sorted(rows, key=len), "cpu")
    assert batch.ids[0, 3:].tolist() == [0, 0, 0]
    assert batch.ends[0].tolist() == [3, 3, 3, 4, 5, 6]
    # Places of a trie may be beyond the model's positions.
    assert batch.depths.tolist() == [[0, 1, 2, 0, 0, 0], [0, 1, 2, 3, 4, 5]]
