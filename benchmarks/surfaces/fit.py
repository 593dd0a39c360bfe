"""Fits the networks of an emulator to measured points. Imports torch.

Beside these all networks see the parents wherever these are known to be: the base at weights of 0,
whatever the densities, an expert where its weight and density are 1 and the other weights 0. A
search would soon find out if an emulator took the base for something better.

Four times two networks: each two have not seen two of the eight islands, so that a point can be
predicted by networks that saw neither it nor a neighbour; all eight together are the emulator.
The first layer also reads means of the weights (densities) by expert, layers and kind of tensor,
which 96 dimensions need; they are sums of inputs, so they vanish into its weights afterwards.
"""

from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.surfaces.network import Networks, Numbers, inputs
from benchmarks.surfaces.points import Coordinates
from benchmarks.surfaces.proposals import ISLANDS
from benchmarks.surfaces.store import Data
from optimerge.zoo.folder import BASE

FOLDS = 4
MEMBERS = 2
"""Networks a fold."""
HIDDEN = (64, 32)
BASES = 30
EXPERTS = 6
"""Points that stand for the base, and for an expert."""
STEPS = 1000
RATE = 0.01
DECAY = 0.03
"""AdamW's, on all weights."""


def fold_of(data: Data) -> NDArray[np.int64]:
    """Return the fold [n] that leaves a point out; an island is in one fold."""
    return data.island % FOLDS


def fit(data: Data, at: Coordinates, seed: int = 0) -> Networks:
    """Return networks in the order of folds, fitted by cross-entropy on search and test items."""
    unit, method, shares = _known(data, at, np.random.default_rng(seed))
    x = inputs(unit, method, len(at.methods))
    mixed = np.hstack([np.eye(x.shape[1]), _means(at, x.shape[1])])
    features = x @ mixed
    mixed /= np.sqrt((features**2).mean(0)) + 1e-9
    fold = np.full(len(x), FOLDS)
    fold[: len(data.unit)] = fold_of(data)
    used = fold != np.repeat(np.arange(FOLDS), MEMBERS)[:, None]
    weights, biases = _train(x @ mixed, shares, used, seed)
    weights[0] = mixed @ weights[0]
    return Networks(tuple(map(_rounded, weights)), tuple(map(_rounded, biases)))


def _known(
    data: Data, at: Coordinates, rng: np.random.Generator
) -> tuple[Numbers, NDArray[np.int64], Numbers]:
    """Return the measured points and the parents': numbers, methods, shares [n, 2 t]."""
    anywhere = rng.random((BASES, len(at.dimensions)))
    anywhere[:, at.where("weight")] = 0
    units, methods = [data.unit, anywhere], [data.method, rng.integers(len(at.methods), size=BASES)]
    shares = [np.hstack([data.search, data.test]), np.tile(_shares(data, BASE), (BASES, 1))]
    for expert, name in ((e, f"expert:{e}") for e in at.experts):
        if name in data.parent_points:
            point = data.parent_points[name]
            here = np.tile(at.unit(point), (EXPERTS, 1))
            free = at.where("density") & ~at.where("density", expert)
            here[:, free] = rng.random((EXPERTS, int(free.sum())))
            units.append(here)
            methods.append(np.full(EXPERTS, at.method(point)))
            shares.append(np.tile(_shares(data, name), (EXPERTS, 1)))
    return np.vstack(units), np.concatenate(methods), np.vstack(shares)


def _shares(data: Data, parent: str) -> Numbers:
    found, tasks = data.parents[parent], range(data.search.shape[1])
    values, test = list(found.values.values()), list(found.test.values())
    return np.array([values[t] for t in tasks] + [test[t] for t in tasks])


def _rounded(numbers: Numbers) -> Numbers:
    """As they are stored."""
    return numbers.astype(np.float16).astype(float)


def _means(at: Coordinates, width: int) -> Numbers:
    """Return the columns that average inputs: two for each set of two dimensions or more."""
    columns = {}
    for chosen in _sets(at):
        for start in (0, len(chosen)) if chosen.sum() > 1 else ():
            column = np.zeros(width)
            column[start : start + len(chosen)] = chosen / chosen.sum()
            columns[start, chosen.tobytes()] = column
    return np.array(list(columns.values())).T


def _sets(at: Coordinates) -> Iterator[NDArray[np.bool_]]:
    groups = {d.group for d in at.dimensions} | {None}
    kinds = {d.filter or "rest" for d in at.dimensions} | {None}
    for parameter in ("weight", "density"):
        for expert, group, kind in product([None, *at.experts], groups, kinds):
            part = [
                (group is None or d.group == group)
                and (kind is None or (d.filter or "rest") == kind)
                for d in at.dimensions
            ]
            yield at.where(parameter, expert) & np.array(part)


def _train(
    x: Numbers, targets: Numbers, used: NDArray[np.bool_], seed: int
) -> tuple[list[Numbers], list[Numbers]]:
    """Train all networks at once, each on the points it may use."""
    generator = torch.Generator().manual_seed(seed)
    sizes = (x.shape[1], *HIDDEN, targets.shape[1])
    networks = len(used)
    weights, biases = [], []
    for size, to in pairwise(sizes):
        start = torch.randn(networks, size, to, generator=generator) / size**0.5
        weights.append(start.requires_grad_())
        biases.append(torch.zeros(networks, 1, to).requires_grad_())
    optimizer = torch.optim.AdamW(
        [{"params": weights, "weight_decay": DECAY / RATE}, {"params": biases, "weight_decay": 0}],
        lr=RATE,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    inputs_of, wanted = torch.tensor(x, dtype=torch.float32), torch.tensor(targets).float()
    share = torch.tensor(used, dtype=torch.float32)
    share = (share / share.sum(1, keepdim=True))[:, :, None]
    for _ in range(STEPS):
        hidden = inputs_of.expand(networks, -1, -1)
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            hidden = torch.tanh(hidden) if layer < len(HIDDEN) else hidden
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            hidden, wanted.expand(networks, -1, -1), reduction="none"
        )
        total = (loss * share).sum()
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]  # torch types it not
        optimizer.step()
        schedule.step()
    return (
        [w.detach().double().numpy() for w in weights],
        [b.detach().double().numpy() for b in biases],
    )


assert ISLANDS % FOLDS == 0
