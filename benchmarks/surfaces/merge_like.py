"""What merges do to scores, in four made-up ways: gain, interference, collapse, dropped entries.

Strengths a [n, E, G] are what is left of the experts' weights (E experts, G groups of layers) after
dropping; a task's true score is a share in 0 to 1. Each family has its optimum inside the box, a
floor that large weights fall to, and experts that hurt each other's tasks. They are different on
purpose: sums of exponentials, pieces of planes, a rotated valley with heavy tails, stairs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Family = Callable[["Constants", Array], Array]

CHANCE, BASE, BEST = 0.04, 0.42, 0.97
"""Scores of a broken model, of the base, and of the best that a task allows."""


@dataclass(frozen=True)
class Constants:
    """What is drawn once for a surface."""

    hurt: Array
    """[T, E]: how much an expert hurts a task; 0 for the task's own expert."""
    share: Array
    """[T, G]: how much of a task sits in a group of layers; rows sum to 1."""
    cosines: Array
    """[E, E]: of the experts' task vectors."""
    target: Array
    """[T, E, G]: the strengths a task likes best (rotated family)."""
    turn: Array
    """[T, E G, E G]: rotation, rows scaled (rotated family)."""
    steps: Array
    """[T, G, K, 2]: the strength at which a skill is there, the harm at which it is lost."""


def draw(stream: np.random.Generator, tasks: int, experts: int, groups: int) -> Constants:
    """Draw the constants of a surface; expert t is that of task t, the others belong to none."""
    hurt = stream.uniform(0.25, 1.0, (tasks, experts))
    own = np.arange(tasks)
    hurt[own, own] = 0.0
    share = stream.dirichlet(np.full(groups, 2.0), tasks)
    half = stream.normal(size=(experts, 8)) + 0.6
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    target = stream.uniform(0.0, 0.25, (tasks, experts, groups))
    target[own, own] = stream.uniform(0.45, 0.75, (tasks, groups))
    size = experts * groups
    scale = np.geomspace(0.5, 2.0, size)
    turn = np.empty((tasks, size, size))
    for task in range(tasks):
        basis, _ = np.linalg.qr(stream.normal(size=(size, size)))
        turn[task] = scale[:, None] * basis
    steps = np.stack(
        (
            stream.uniform(0.05, 0.65, (tasks, groups, 8)),
            stream.uniform(0.2, 1.1, (tasks, groups, 8)),
        ),
        axis=-1,
    )
    return Constants(hurt, share, half @ half.T, target, turn, steps)


def norm(constants: Constants, a: Array) -> Array:
    """Return the length [n, G] of the sum of the scaled task vectors, that of one being 1."""
    squares = np.einsum("neg,ef,nfg->ng", a, constants.cosines, a)
    found: Array = np.sqrt(np.maximum(squares, 0.0))
    return found


def exponential(c: Constants, a: Array) -> Array:
    """Sums and products of exponentials: smooth everywhere."""
    tasks = len(c.hurt)
    gain = (1 - np.exp(-3.5 * a[:, :tasks])) / (1 - np.exp(-3.5))
    kept = np.exp(-1.6 * np.einsum("te,neg->ntg", c.hurt, a**2))
    whole = np.exp(-((norm(c, a) / 1.35) ** 6))
    skill = np.einsum("tg,ntg->nt", c.share, gain * kept)
    loss = np.einsum("tg,ntg->nt", c.share, 1 - kept)
    alive = np.einsum("tg,ng->nt", c.share, whole)
    scores: Array = CHANCE + (BASE - CHANCE + (BEST - BASE) * skill - 0.35 * loss) * alive
    return scores


def piecewise(c: Constants, a: Array) -> Array:
    """Pieces of planes with kinks, and a flat floor where the model is broken."""
    tasks = len(c.hurt)
    gain = np.minimum(a[:, :tasks] / 0.4, 1.0) - 0.25 * np.maximum(a[:, :tasks] - 0.8, 0.0)
    harm = np.maximum(np.einsum("te,neg->ntg", c.hurt, a) - 0.05, 0.0)
    level = np.einsum("tg,ntg->nt", c.share, (BEST - BASE) * gain - 0.9 * harm) + BASE
    alive = np.clip((1.5 - norm(c, a).mean(axis=1)) / 0.45, 0.0, 1.0)
    found: Array = np.maximum(CHANCE + (level - CHANCE) * alive[:, None], CHANCE)
    return found


def rotated(c: Constants, a: Array) -> Array:
    """A valley about each task's best strengths, along no axis, steep near by and flat far off."""
    off = a[:, None] - c.target[None]
    turned = np.einsum("tij,ntj->nti", c.turn, off.reshape(len(a), len(c.hurt), -1))
    distance = (np.abs(turned) ** 1.4).mean(axis=2) ** (1 / 1.4)
    near = 1 / (1 + (distance / 0.28) ** 2)
    alive = 1 / (1 + np.exp((norm(c, a).mean(axis=1) - 1.5) / 0.06))
    scores: Array = CHANCE + (BEST - CHANCE) * near * alive[:, None]
    return scores


def staircase(c: Constants, a: Array) -> Array:
    """Skills that are there or not: steps of strength bring them, steps of harm take them."""
    tasks = len(c.hurt)
    reach, limit = c.steps[None, ..., 0], c.steps[None, ..., 1]
    harm = np.einsum("te,neg->ntg", c.hurt, a)
    there = _step(a[:, :tasks, :, None] - reach) * _step(limit - harm[..., None])
    # What the base can do is lost with harm too, later.
    stays = _step(1.5 * limit - harm[..., None])
    level = (BASE - CHANCE) * stays + (BEST - BASE) * there
    alive = _step(1.6 - norm(c, a))[:, None, :, None]
    scores: Array = CHANCE + np.einsum("tg,ntgk->nt", c.share, level * alive) / c.steps.shape[2]
    return scores


def _step(x: Array) -> Array:
    """Return 0 below, 1 above, steep between: within 0.02 of 0."""
    found: Array = np.clip(x / 0.04 + 0.5, 0.0, 1.0)
    return found


FAMILIES: dict[str, Family] = {
    "exponential": exponential,
    "piecewise": piecewise,
    "rotated": rotated,
    "staircase": staircase,
}
