"""Strategies, slow answers and trials that the tests of the front share."""

import itertools

import hypothesis
import numpy as np
from hypothesis import strategies as st

from optimerge.records.types import Score, Trial

SIDE = 6
"""Grid losses run from 0 to SIDE; the reference is at SIDE."""


def given(*strategies, **options):
    """Hypothesis' own, without a deadline: the tests' machine may be busy with others."""
    run = hypothesis.settings(deadline=None, **options)
    return lambda test: run(hypothesis.given(*strategies)(test))


@st.composite
def grids(draw, min_rows=0, max_rows=8, min_objectives=1, max_objectives=4, nan=False):
    """Integer losses, read-only, with duplicates and, if asked for, NaN.

    The entries come from a drawn seed: drawn one by one they repeat so much that in 300 examples
    no two boxes overlapped (`boxes_summed` in test_front_plants.py was not caught).
    """
    shape = (
        draw(st.integers(min_rows, max_rows)),
        draw(st.integers(min_objectives, max_objectives)),
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    losses = random.integers(0, draw(st.integers(1, SIDE)), shape, endpoint=True).astype(float)
    if nan:
        losses[random.random(shape) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    return frozen(losses)


def frozen(array):
    array = np.array(array, dtype=float)
    array.flags.writeable = False
    return array


def corner(losses):
    return frozen(np.full(losses.shape[1], float(SIDE)))


def brute_volume(losses, side=SIDE):
    """Count the unit cells of the grid that some row dominates."""
    rows = losses[~np.isnan(losses).any(axis=1)]
    cells = np.array(list(itertools.product(range(side), repeat=losses.shape[1])))
    return int((rows[:, None, :] <= cells[None]).all(axis=2).any(axis=0).sum())


def dominates(a, b):
    return bool((a <= b).all() and (a < b).any())


def brute_front(losses):
    """By the definition, pair by pair."""
    alive = [not np.isnan(row).any() for row in losses]
    return [
        alive[i]
        and not any(
            dominates(other, row) or (j < i and (other == row).all())
            for j, other in enumerate(losses)
        )
        for i, row in enumerate(losses)
    ]


def brute_ranks(losses):
    rank = np.full(len(losses), len(losses))
    left = {i for i, row in enumerate(losses) if not np.isnan(row).any()}
    layer = 0
    while left:
        best = {i for i in left if not any(dominates(losses[j], losses[i]) for j in left)}
        for i in best:
            rank[i] = layer
        left -= best
        layer += 1
    return rank


def sphere(n, m, seed=0):
    """A front of n points: all are on it."""
    points = np.abs(np.random.default_rng(seed).normal(size=(n, m)))
    return 1 - points / np.linalg.norm(points, axis=1, keepdims=True)


OBJECTIVES = {"maths": "maximize", "code": "maximize", "size": "minimize"}


def trial(number, values, origin="sampler", state="complete", objectives=OBJECTIVES, **more):
    """A trial with these values, in the order of the objectives; None leaves one out."""
    scores = {
        name: Score(value, 0.01 if direction == "maximize" else None, 100, direction, 1.5)
        for (name, direction), value in zip(objectives.items(), values, strict=True)
        if value is not None
    }
    return Trial(number, state, origin, more.pop("params", {}), "", scores, **more)


def study():
    """Three parents, merges on and off the front, and trials that take no part."""
    return [
        trial(None, [0.20, 0.20, 0.0], "base"),
        trial(None, [0.80, 0.10, 1.0], "expert:org/math-7b"),
        trial(None, [0.10, 0.70, 1.0], "expert:org/code-7b"),
        trial(0, [0.60, 0.55, 0.6], params={"w": 0.5, "method": "ties", "k": 3}),
        trial(1, [0.50, 0.50, 0.7], params={"w": 0.4, "method": "linear"}),
        trial(2, [0.60, 0.55, 0.6], params={"w": 0.5, "method": "ties", "k": 4}),
        trial(3, [0.99, 0.99, 0.1], state="pruned"),
        trial(4, [None, 0.99, 0.1], state="failed", error="out of memory"),
        trial(5, [float("nan"), 0.99, 0.1]),
        trial(6, [0.70, 0.30, 0.4], seconds={"merge": 1.0, "score": 2.5}),
    ]
