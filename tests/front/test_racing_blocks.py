import pytest
from front_cases import given
from hypothesis import strategies as st

from optimerge.front.racing.blocks import FIRST, block_edges, looks

sizes = st.integers(1, 20_000)


@given(sizes)
def test_blocks_grow_and_end_with_the_last_item(items):
    edges = block_edges(items)
    blocks = [b - a for a, b in zip((0, *edges), edges, strict=False)]
    assert edges[-1] == items
    assert edges[0] >= min(FIRST, items)
    assert blocks[:-1] == sorted(blocks[:-1])
    if len(blocks) > 1:  # no crumb at the end
        assert blocks[-1] * 2 >= blocks[-2]


def test_a_night_of_a_thousand_items_has_few_looks():
    assert len(block_edges(300)) == 5
    assert len(block_edges(1000)) == 8


@given(st.lists(sizes, min_size=1, max_size=4))
def test_every_task_is_looked_at_along_its_own_edges_until_all_is_scored(items):
    rows = list(looks(items))
    assert rows[-1] == tuple(items)
    for column, count in zip(zip(*rows, strict=True), items, strict=True):
        edges = block_edges(count)
        assert column[: len(edges)] == edges
        assert set(column[len(edges) :]) <= {count}


def test_no_items_are_refused_and_no_tasks_have_no_looks():
    with pytest.raises(ValueError, match="at least one item, not 0"):
        block_edges(0)
    assert list(looks([])) == []
