"""Batches: rows padded to one length, on the device with all that no candidate changes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.objectives.tokens.budget import Budget
from optimerge.objectives.tokens.rows import Row

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B rows of T tokens, of which n positions are needed for k tokens of answers.

    Padding is on the right and holds id 0, as in lm-eval: no token before it can see it.
    """

    ids: "Tensor"
    """[B, T], int64."""
    depths: "Tensor"
    """[B, T], int64: positions."""
    ends: "Tensor"
    """[B, T], int64: see `Row.ends`; a padding sees itself alone."""
    needed: "Tensor"
    """[B, T], bool: n are true."""
    places: "Tensor"
    """[k], int64: which of the n positions."""
    targets: "Tensor"
    """[k], int64: the token there."""
    requests: tuple[int, ...]
    """[k]: the request that it counts for."""
    branches: bool
    tokens: int
    """Without padding."""

    @property
    def size(self) -> int:
        """Tokens with padding."""
        return int(self.ids.numel())


def split(
    rows: Iterable[Row],
    budget: Budget,
    vocabulary: int,
    *,
    level: bool = False,
    prefix: int = 0,
) -> Iterator[list[Row]]:
    """Split rows into batches within the budget, longest first; one row is always allowed.

    `level`: only rows of one length go together, so that there is no padding. `prefix`: tokens
    before every row, of whose keys and values each row has a copy.
    """
    batch: list[Row] = []
    needed = 0
    for row in sorted(rows, key=_order):
        positions = len({node for node, _, _ in row.needed})
        if batch and (
            row.branches != batch[0].branches
            or (level and len(row) != len(batch[0]))
            or len(batch[0]) * (len(batch) + 1) > budget.tokens
            or (needed + positions) * vocabulary > budget.logits
            or (prefix and (prefix + len(batch[0])) * (len(batch) + 1) > budget.kept)
        ):
            yield batch
            batch, needed = [], 0
        batch.append(row)
        needed += positions
    if batch:
        yield batch


def _order(row: Row) -> tuple[Any, ...]:
    return not row.branches, -len(row), row.tokens


def make_batch(rows: Sequence[Row], device: Any) -> Batch:
    """Pad rows to the longest, and put them on the device."""
    import numpy as np
    import torch

    shape = len(rows), max(map(len, rows))
    ids, needed = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    # Padding is at position 0: its place may be beyond the positions that the model has.
    depths = np.zeros(shape, np.int64)
    ends = np.tile(np.arange(1, shape[1] + 1), (shape[0], 1))
    places, targets, requests = list[int](), list[int](), list[int]()
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row.tokens
        depths[number, : len(row)] = row.depths
        ends[number, : len(row)] = row.ends
        for node, target, request in row.needed:
            needed[number, node] = True
            places.append(number * shape[1] + node)
            targets.append(target)
            requests.append(request)
    found = np.searchsorted(np.flatnonzero(needed), places)

    def put(array: Any) -> "Tensor":
        return torch.from_numpy(array).to(device)

    return Batch(
        ids=put(ids),
        depths=put(depths),
        ends=put(ends),
        needed=put(needed),
        places=put(found),
        targets=put(np.asarray(targets)),
        requests=tuple(requests),
        branches=rows[0].branches,
        tokens=sum(map(len, rows)),
    )
