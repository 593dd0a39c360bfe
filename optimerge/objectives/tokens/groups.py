"""Groups of requests that begin with the same tokens: few-shot examples, a task's instructions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from optimerge.objectives.tokens.request import Chain, shared_length

OVERHEAD = 256
"""Tokens that a group must save: its prefix is a forward of its own, its batches are too."""


@dataclass(frozen=True)
class Span:
    """Chains `start` to `stop`, of which the first `prefix` tokens are the same."""

    start: int
    stop: int
    prefix: int


def shared_prefixes(chains: Sequence[Chain], overhead: int = OVERHEAD) -> list[Span]:
    """Split chains in lexicographic order where running a common prefix once saves most tokens.

    The best of these splits: at each branch of the trie of all contexts, either all below share
    the prefix that leads to it, or each of its branches is split on its own. A prefix ends before
    the first token whose logits are needed. Chains that share none that pays are returned in spans
    of prefix 0.
    """
    # Chains with one context are one unit: a row shares that without a cache.
    contexts = [chain.inputs[: chain.stem + 1] for chain in chains]
    starts = [i for i, own in enumerate(contexts) if not i or own != contexts[i - 1]]
    bounds = [*starts, len(chains)]
    stems = [chains[start].stem for start in starts]
    # lcp[i]: what contexts i - 1 and i share.
    lcp = [0] + [
        min(
            stems[i - 1],
            stems[i],
            shared_length(chains[starts[i - 1]].inputs, chains[starts[i]].inputs),
        )
        for i in range(1, len(starts))
    ]
    spans = _best(lcp, len(starts), overhead)
    return [Span(bounds[each.start], bounds[each.stop], each.prefix) for each in spans]


def _best(lcp: Sequence[int], count: int, overhead: int) -> list[Span]:
    """Split contexts 0 to `count` best, by a stack over the nodes of the trie that branch."""
    root = _Node(0, 0)
    stack, finished = [root], _leaf(0)
    for i in range(1, count + 1):
        depth = lcp[i] if i < count else 0
        while stack[-1].depth > depth:
            node = stack.pop()
            node.take(finished)
            node.settle(i, overhead)
            finished = node
        if stack[-1].depth < depth:
            stack.append(_Node(depth, finished.first))
        stack[-1].take(finished)
        finished = _leaf(i)
    return _joined(root.spans)


@dataclass
class _Node:
    """What the contexts from `first` on share, and the best split of those below so far."""

    depth: int
    first: int
    saved: int = 0
    spans: list[Span] = field(default_factory=list)

    def take(self, below: "_Node") -> None:
        self.saved += below.saved
        self.spans += below.spans

    def settle(self, stop: int, overhead: int) -> None:
        """Share this prefix if that saves more than all splits below."""
        together = (stop - self.first - 1) * self.depth - overhead
        if together > self.saved:
            self.saved, self.spans = together, [Span(self.first, stop, self.depth)]


def _leaf(number: int) -> _Node:
    return _Node(0, number, spans=[Span(number, number + 1, 0)])


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Join neighbours without a prefix."""
    joined: list[Span] = []
    for span in spans:
        if joined and not joined[-1].prefix and not span.prefix:
            span = Span(joined.pop().start, span.stop, 0)
        joined.append(span)
    return joined
