"""The best that the synthetic surfaces allow: known, or else the result of a long search.

    python benchmarks/surfaces/bounds.py [--evaluations 60000]   # data/synthetic_fronts.json

The long search sees true values and needs a thousand times a user's budget; its front is the unit
in which the benchmark states gains, and nothing else depends on it.
"""

import argparse
import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

if __name__ == "__main__":  # run as a file: what it imports lies two folders up
    sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.surfaces import known_fronts
from benchmarks.surfaces.items import generator
from benchmarks.surfaces.synthetic import SYNTHETIC, Synthetic, synthetic
from optimerge.front.dominance import non_dominated
from optimerge.front.losses import to_loss
from optimerge.space.ranges import Param

Array = NDArray[np.float64]

FILE = Path(__file__).parent / "data" / "synthetic_fronts.json"
_KEPT = 300
"""Members of the long search's front."""


def best_known(name: str) -> Array | None:
    """Return losses [n, m] of the best known front, columns as the surface's objectives.

    None for surfaces that have none, and for merge-like ones of other seeds.
    """
    kind = name.partition("+")[0]
    if kind == "dtlz6":
        return -known_fronts.true_sphere()
    if kind == "zdt24":
        return -known_fronts.true_broken()
    found = _stored().get(name)
    return None if found is None else np.array(found)


@cache
def _stored() -> dict[str, list[list[float]]]:
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


def long_search(surface: Synthetic, evaluations: int) -> Array:
    """Return the losses of a front found by steps between and about the members of an archive."""
    stream = generator("long search", surface.name)
    points = [_random(surface, stream) for _ in range(500)]
    points += [dict(point) for point in surface.parent_points.values()]
    losses = np.array([_losses(surface, point) for point in points])
    for _ in range(evaluations // 100):
        new = [_child(surface, points, stream) for _ in range(100)]
        points += new
        losses = np.concatenate((losses, [_losses(surface, point) for point in new]))
        keep = np.flatnonzero(non_dominated(losses))
        keep = keep[_spread(losses[keep])]
        points, losses = [points[i] for i in keep], losses[keep]
    return losses


def _losses(surface: Synthetic, point: dict[str, Param]) -> list[float]:
    values = zip(surface.objectives.values(), surface.truth(point), strict=True)
    return [to_loss(value, direction) for direction, value in values]


def _random(surface: Synthetic, stream: np.random.Generator) -> dict[str, Param]:
    method = surface.space.methods[stream.integers(len(surface.space.methods))]
    point: dict[str, Param] = {}
    for dimension in surface.space.active(method):
        low, high = dimension.range.low, dimension.range.high
        if low is None or high is None:
            point[dimension.name] = method
        else:
            point[dimension.name] = float(stream.uniform(low, high))
    return point


def _child(
    surface: Synthetic, points: list[dict[str, Param]], stream: np.random.Generator
) -> dict[str, Param]:
    """Move a member along the difference of two others and by noise, in some coordinates."""
    first, second, third = (points[i] for i in stream.integers(len(points), size=3))
    child = dict(first)
    rate, width = stream.uniform(0.05, 0.6), 10.0 ** stream.uniform(-3, -0.5)
    for dimension in surface.space.active(str(first.get("merge_method", surface.space.methods[0]))):
        low, high = dimension.range.low, dimension.range.high
        if low is None or high is None or stream.random() > rate:
            continue
        name, own = dimension.name, float(first[dimension.name])
        step = float(second.get(name, own)) - float(third.get(name, own))
        moved = own + 0.5 * step + width * (high - low) * stream.normal()
        child[name] = float(np.clip(moved, low, high))
    return child


def _spread(losses: Array) -> NDArray[np.intp]:
    """Return at most 300 rows, dropping one of the closest pair again and again."""
    rows = np.arange(len(losses))
    unit = (losses - losses.min(axis=0)) / np.maximum(np.ptp(losses, axis=0), 1e-9)
    if len(rows) <= _KEPT:
        return rows
    far = np.linalg.norm(unit[:, None] - unit[None], axis=2)
    np.fill_diagonal(far, np.inf)
    alive = np.ones(len(rows), dtype=np.bool_)
    while alive.sum() > _KEPT:
        out = int(np.argmin(far.min(axis=1)))
        alive[out] = False
        far[out, :] = far[:, out] = np.inf
    return rows[alive]


def main() -> None:
    """Search every merge-like surface and write the fronts."""
    parser = argparse.ArgumentParser(description="Long searches of the synthetic surfaces.")
    parser.add_argument("--evaluations", type=int, default=60_000)
    given = parser.parse_args()
    found = {}
    for name in SYNTHETIC:
        if best_known(name) is None or name in _stored():
            found[name] = np.round(long_search(synthetic(name), given.evaluations), 4).tolist()
            print(f"{name}: {len(found[name])} on the front")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(found, separators=(",", ":")).replace("]],", "]],\n") + "\n")


if __name__ == "__main__":
    main()
