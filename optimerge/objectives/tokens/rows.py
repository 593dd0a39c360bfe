"""Rows of a batch: the token tries of requests that share enough to be run together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from optimerge.objectives.tokens.request import Chain, Tokens, shared_length


@dataclass(frozen=True)
class Row:
    """A token trie in depth-first order: node j is an ancestor of node i if j <= i < ends[j].

    A plain sequence is a trie without branches. `needed` are triples (node, target, request): the
    logits after the node say how likely the target is, which counts for the request.
    """

    tokens: Tokens
    depths: Tokens
    """The position of each token in its own sequence."""
    ends: Tokens
    """One past the last node below each node."""
    needed: tuple[tuple[int, int, int], ...]
    branches: bool

    def __len__(self) -> int:
        return len(self.tokens)


def make_row(chains: Sequence[Chain], skip: int = 0) -> Row:
    """Make a trie of chains in lexicographic order, without their first `skip` tokens."""
    tokens: list[int] = []
    depths: list[int] = []
    ends: list[int] = []
    path: list[int] = []
    needed: list[tuple[int, int, int]] = []
    before: Tokens = ()
    for chain in chains:
        own = chain.inputs[skip:]
        common = shared_length(before, own)
        _close(ends, path[common:], len(tokens))
        fresh = range(len(tokens), len(tokens) + len(own) - common)
        path[common:] = fresh
        tokens += own[common:]
        depths += range(skip + common, skip + len(own))
        ends += [0] * len(fresh)
        first = chain.stem - skip
        needed += [
            (path[first + k], target, chain.request) for k, target in enumerate(chain.targets)
        ]
        before = own
    _close(ends, path, len(tokens))
    branches = any(end != len(tokens) for end in ends)
    return Row(tuple(tokens), tuple(depths), tuple(ends), tuple(needed), branches)


def _close(ends: list[int], nodes: Iterable[int], end: int) -> None:
    for node in nodes:
        ends[node] = end


def flat_rows(chains: Sequence[Chain]) -> list[Row]:
    """Make one row of each distinct input, as lm-eval does; chains in lexicographic order."""
    rows, same = [], list[Chain]()
    for chain in chains:
        if same and same[0].inputs != chain.inputs:
            rows.append(make_row(same))
            same = []
        same.append(chain)
    return [*rows, make_row(same)] if same else rows


def tree_rows(chains: Sequence[Chain], width: int, skip: int = 0) -> list[Row]:
    """Make rows of chains that share enough; chains in lexicographic order.

    A chain joins the row before it if that is cheaper than a row of its own and brings down the
    row's mean cost. Costs are in tokens: a token among T costs 1 + T / (6 `width`), the second
    part being attention, for a model of hidden size `width` (24 width^2 and 4 T width operations
    a layer). All of a row is attended to, whatever the mask.
    """
    rows: list[list[Chain]] = []
    size = 0
    for chain in chains:
        length = len(chain.inputs) - skip
        if rows:
            mates = rows[-1]
            shared = shared_length(mates[-1].inputs[skip:], chain.inputs[skip:])
            now, after = (_cost(n, width, skip) for n in (size, size + length - shared))
            if after - now < min(_cost(length, width, skip), now / len(mates)):
                mates.append(chain)
                size += length - shared
                continue
        rows.append([chain])
        size = length
    return [make_row(mates, skip) for mates in rows]


def _cost(length: int, width: int, skip: int) -> float:
    return length * (1 + (length + skip) / (6 * width))


def cost(rows: Iterable[Row], width: int, prefix: int = 0) -> float:
    """Return what rows cost over a prefix, and the prefix itself, in tokens."""
    return _cost(prefix, width, 0) + sum(_cost(len(row), width, prefix) for row in rows)
