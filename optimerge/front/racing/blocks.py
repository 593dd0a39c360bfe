"""At how many items a race is looked at: a few nested blocks, growing."""

from collections.abc import Iterator, Sequence

FIRST = 25
"""Items before the first look: a broken candidate is known by then."""
_GROWTH, _STEP = 1.5, 20


def block_edges(items: int) -> tuple[int, ...]:
    """Return the numbers of items after which to look; the last is `items`.

    Each block is about half as large again as the one before: looks are dense where most
    candidates fall, and few, because each costs some padding (a twentieth of a candidate's time).
    A rest that is less than half a block joins the last one.

    Raises:
        ValueError: If there is no item.

    >>> block_edges(300), block_edges(30)
    ((25, 58, 107, 181, 300), (30,))
    """
    if items < 1:
        raise ValueError(f"a race needs at least one item, not {items}")
    edges = [0]
    step = FIRST
    while items - edges[-1] >= step + (step + 1) // 2:
        edges.append(edges[-1] + step)
        step = -int(-edges[-1] * (_GROWTH - 1) // 1) + _STEP
    if edges[-1] < items:
        edges.append(items)
    return tuple(edges[1:])


def looks(items: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield, look by look, the items of each task to have been scored; the last is all of them.

    A task with fewer blocks than another is through with its items earlier.

    >>> list(looks([30, 60]))
    [(30, 25), (30, 60)]
    """
    edges = [block_edges(n) for n in items]
    for number in range(max(map(len, edges), default=0)):
        yield tuple(each[min(number, len(each) - 1)] for each in edges)
