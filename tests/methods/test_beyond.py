"""The methods beyond mergekit against their papers' formulas, restated here in numpy.

Nothing of ours but the kernels is used: each restatement follows the formula, entry by entry
where that is plainest, in float64. The inputs are float32.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from optimerge.merge.selection.hashed import HashedSelection
from optimerge.methods.protocol import Number, TensorGroup
from optimerge.methods.registry import method_named

Array = NDArray[np.float64]
SHAPES = [(1,), (17,), (40,), (6, 9), (30, 20), (20, 31), (3, 4, 5)]
TOLERANCE = 3e-7
"""Two roundings of numbers up to 3 in float32."""


def models(shape: Sequence[int], count: int, seed: int = 0) -> tuple[Array, list[Array]]:
    """Make a base, and models that change most entries of it, in float32 numbers."""
    draw = np.random.default_rng(seed)
    base = draw.normal(size=shape).astype(np.float32)
    moved = [
        (base + 0.1 * draw.normal(size=shape) * (draw.random(shape) < 0.8)).astype(np.float32)
        for _ in range(count)
    ]
    return base.astype(np.float64), [m.astype(np.float64) for m in moved]


def ours(
    name: str,
    base: Array,
    inputs: Sequence[Array],
    numbers: Sequence[Mapping[str, Number]] | None = None,
    depth: float = 0.0,
    **shared: Number,
) -> Array:
    """Merge with our kernel; what is not given has its default."""
    method = method_named(name)
    defaults = {p.name: p.default for p in method.shared}
    each = {p.name: p.default for p in method.per_input}
    group = TensorGroup(
        torch.tensor(base, dtype=torch.float32),
        tuple(torch.tensor(x, dtype=torch.float32) for x in inputs),
        tuple({**each, **n} for n in numbers or [{}] * len(inputs)),
        {**defaults, **shared},
        HashedSelection(3, "w", [str(i) for i in range(len(inputs))]),
        depth,
    )
    return method.kernel(group).double().numpy()


def close(found: Array, wanted: Array) -> bool:
    return found.shape == wanted.shape and bool(np.abs(found - wanted).max() <= TOLERANCE)


def entrywise(
    base: Array, changes: Sequence[Array], merge: Callable[[list[float]], float]
) -> Array:
    """Merge each entry's list of changes by itself."""
    result = base.copy()
    for place in np.ndindex(*base.shape):
        result[place] += merge([float(c[place]) for c in changes])
    return result


WEIGHTS = ([1.0, 1.0, 1.0], [0.7, -0.4, 1.3], [0.9, 0.0, 0.5])
weighted_cases = pytest.mark.parametrize("weights", WEIGHTS)
shapes = pytest.mark.parametrize("shape", SHAPES)


def by_weight(weights: Sequence[float]) -> list[dict[str, Number]]:
    return [{"weight": w} for w in weights]


@shapes
@weighted_cases
def test_magmax(shape: Any, weights: list[float]) -> None:
    base, inputs = models(shape, 3)
    changes = [w * (x - base) for w, x in zip(weights, inputs, strict=True)]
    wanted = entrywise(base, changes, lambda d: 0.8 * max(d, key=abs))
    assert close(ours("magmax", base, inputs, by_weight(weights), **{"lambda": 0.8}), wanted)


@shapes
@weighted_cases
def test_emr_unified(shape: Any, weights: list[float]) -> None:
    def unified(d: list[float]) -> float:
        sign = np.sign(sum(d))
        return float(sign * max([abs(x) for x in d if np.sign(x) == sign], default=0.0))

    base, inputs = models(shape, 3)
    changes = [w * (x - base) for w, x in zip(weights, inputs, strict=True)]
    wanted = entrywise(base, changes, unified)
    assert close(ours("emr_unified", base, inputs, by_weight(weights)), wanted)


@shapes
@weighted_cases
@pytest.mark.parametrize("consensus", [0, 1, 2, 3, 4])
def test_consensus_ta(shape: Any, weights: list[float], consensus: int) -> None:
    thresholds = [0.2, 0.4, 0.6]

    def agreed(d: list[float]) -> float:
        whole = sum(d)
        masks = [abs(x) > t * abs(whole - x) for x, t in zip(d, thresholds, strict=True)]
        return 0.5 * whole if sum(masks) >= consensus else 0.0

    base, inputs = models(shape, 3)
    changes = [w * (x - base) for w, x in zip(weights, inputs, strict=True)]
    numbers = [{"weight": w, "threshold": t} for w, t in zip(weights, thresholds, strict=True)]
    found = ours("consensus_ta", base, inputs, numbers, consensus=consensus, **{"lambda": 0.5})
    assert close(found, entrywise(base, changes, agreed))


def test_consensus_of_none_is_task_arithmetic_and_of_too_many_the_base() -> None:
    base, inputs = models((9, 8), 3)
    sums = ours("task_arithmetic", base, inputs, by_weight([1, 1, 1]))
    assert close(ours("consensus_ta", base, inputs, consensus=0), sums)
    assert close(ours("consensus_ta", base, inputs, consensus=4), base)


def top(change: Array, keep: int) -> Array:
    """Mark the entries of largest magnitude."""
    mask = np.zeros(change.size)
    mask[np.argsort(-np.abs(change).ravel())[:keep]] = 1
    return mask.reshape(change.shape)


@shapes
@weighted_cases
@pytest.mark.parametrize("densities", [[0.05, 0.1, 0.2], [0.5, 0.3, 0.7], [1.0, 1.0, 0.0]])
def test_localize_stitch(shape: Any, weights: list[float], densities: list[float]) -> None:
    base, inputs = models(shape, 3)
    numerator, count = np.zeros(shape), np.zeros(shape)
    for x, w, s in zip(inputs, weights, densities, strict=True):
        if w != 0:
            mask = top(x - base, max(1, int(s * base.size)) if s else 0)
            numerator += w * mask * (x - base)
            count += mask
    wanted = base + np.divide(numerator, count, out=np.zeros(shape), where=count > 0)
    numbers = [{"weight": w, "density": s} for w, s in zip(weights, densities, strict=True)]
    assert close(ours("localize_stitch", base, inputs, numbers), wanted)


def restated_ties_slack(
    base: Array, inputs: list[Array], weights: list[float], density: float, slack: float
) -> Array:
    trimmed, large = [], []
    for x in inputs:
        change = x - base
        keep = base.size if density >= 1 else max(1, int(density * base.size)) if density else 0
        trimmed.append(change * top(change, keep))
        large.append(top(change, int(slack * base.size)))
    result = base.copy()
    for place in np.ndindex(*base.shape):
        d = [w * float(t[place]) for w, t in zip(weights, trimmed, strict=True)]
        sign = 1 if sum(d) >= 0 else -1
        kept = [
            i for i, x in enumerate(d) if x != 0 and (np.sign(x) == sign or large[i][place] == 1)
        ]
        divisor = sum(weights[i] for i in kept)
        result[place] += sum(d[i] for i in kept) / (divisor if divisor != 0 else 1)
    return result


@shapes
@pytest.mark.parametrize("weights", WEIGHTS[::2])
@pytest.mark.parametrize("density", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("slack", [0.0, 0.1, 0.5, 1.0])
def test_ties_slack(shape: Any, weights: list[float], density: float, slack: float) -> None:
    base, inputs = models(shape, 3)
    numbers = [{"weight": w, "density": density, "slack": slack} for w in weights]
    wanted = restated_ties_slack(base, inputs, weights, density, slack)
    assert close(ours("ties_slack", base, inputs, numbers), wanted)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_without_slack_it_is_ties_bit_for_bit(weights: list[float], normalize: bool) -> None:
    base, inputs = models((30, 20), 3)
    ties = [{"weight": w, "density": 0.4} for w in weights]
    slack = [{**n, "slack": 0.0} for n in ties]
    shared: dict[str, Number] = {"normalize": normalize, "lambda": 0.7}
    found = ours("ties_slack", base, inputs, slack, **shared)
    assert np.array_equal(found, ours("ties", base, inputs, ties, **shared))


def test_slack_keeps_what_loses_the_election() -> None:
    base = np.zeros(4)
    inputs = [np.array([3.0, 1, 1, 1]), np.array([-9.0, 2, 2, -5]), np.array([7.0, 1, 1, 1])]
    numbers = [{"weight": 1.0, "slack": 0.25}] * 3
    # Entry 0 elects + (1): the -9 is its model's largest and stays; entry 3 elects - (-3).
    found = ours("ties_slack", base, inputs, numbers, normalize=False)
    assert found.tolist() == [1.0, 4.0, 4.0, -5.0]


def restated_pcb(
    base: Array, inputs: list[Array], weights: list[float], densities: list[float]
) -> Array:
    """Follow the authors' `PCB_merge`, on one tensor."""
    present = [i for i, w in enumerate(weights) if w != 0]
    taus = np.stack([(inputs[i] - base).ravel() for i in present])
    count, size = taus.shape
    amounts = np.abs(taus)
    tail = int(size * 0.0001)
    for row in amounts:
        ordered = np.sort(row)
        np.clip(row, ordered[tail], ordered[size - 1 - tail], out=row)

    def norm01(row: Array) -> Array:
        span = row.max() - row.min()
        return (row - row.min()) / span if span > 0 else np.zeros_like(row)

    numerator, divisor = np.zeros(size), np.zeros(size)
    for row, i in enumerate(present):
        intra = np.exp(count * norm01(amounts[row]) ** 2)
        inter = np.tanh(taus[row] * taus.sum(axis=0))
        won = intra * inter
        threshold = np.sort(won)[min(int(size * (1 - densities[i])), size - 1)]
        share = norm01(np.maximum(won, threshold))
        numerator += weights[i] * share * np.sign(taus[row]) * amounts[row]
        divisor += share
    return base + (numerator / np.maximum(divisor, 1e-12)).reshape(base.shape)


@pytest.mark.parametrize("shape", [*SHAPES, (173, 150)])
@pytest.mark.parametrize("weights", [*WEIGHTS, [1.2, 0.8, 1.3]])
@pytest.mark.parametrize("densities", [[0.1, 0.1, 0.1], [0.05, 0.5, 1.0]])
def test_pcb(shape: Any, weights: list[float], densities: list[float]) -> None:
    base, inputs = models(shape, 3)
    numbers = [{"weight": w, "density": r} for w, r in zip(weights, densities, strict=True)]
    wanted = restated_pcb(base, inputs, weights, densities)
    found = ours("pcb", base, inputs, numbers)
    # A share that is 0 but for rounding divides by itself: such entries are judged apart.
    assert np.quantile(np.abs(found - wanted), 0.995) <= TOLERANCE
    assert np.abs(found - wanted).max() <= 2e-3


def mean_change(base: Array, changes: list[Array]) -> Array:
    return base + sum(changes) / len(changes)


@shapes
@weighted_cases
def test_iso_c(shape: Any, weights: list[float]) -> None:
    base, inputs = models(shape, 3)
    changes = [w * (x - base) for w, x in zip(weights, inputs, strict=True) if w != 0]
    wanted = mean_change(base, changes)
    if base.ndim == 2:
        u, s, v = np.linalg.svd(sum(changes), full_matrices=False)
        wanted = base + u @ np.diag(np.full(len(s), s.mean())) @ v
    assert close(ours("iso_c", base, inputs, by_weight(weights)), wanted)


def test_iso_c_gives_all_directions_the_same_strength() -> None:
    base, inputs = models((12, 30), 3)
    merged = ours("iso_c", base, inputs, **{"lambda": 1.7}) - base
    strengths = np.linalg.svd(merged, compute_uv=False)
    mean = np.linalg.svd(sum(x - base for x in inputs), compute_uv=False).mean()
    assert np.allclose(strengths, 1.7 * mean, rtol=1e-5)


@shapes
@weighted_cases
def test_tsv_m(shape: Any, weights: list[float]) -> None:
    base, inputs = models(shape, 3)
    changes = [w * (x - base) for w, x in zip(weights, inputs, strict=True) if w != 0]
    wanted = mean_change(base, changes)
    if base.ndim == 2:
        rank = min(shape)
        kept = int(rank / len(changes))
        wide_u, all_s, tall_v = (
            np.zeros((shape[0], rank)),
            np.zeros(rank),
            np.zeros((rank, shape[1])),
        )
        for i, change in enumerate(changes):
            u, s, v = np.linalg.svd(change, full_matrices=False)
            place = slice(i * kept, (i + 1) * kept)
            wide_u[:, place], all_s[place], tall_v[place] = u[:, :kept], s[:kept], v[:kept]
        pu, _, qu = np.linalg.svd(wide_u, full_matrices=False)
        pv, _, qv = np.linalg.svd(tall_v, full_matrices=False)
        wanted = base + pu @ qu @ np.diag(all_s) @ pv @ qv
    assert close(ours("tsv_m", base, inputs, by_weight(weights)), wanted)


def test_tsv_m_of_one_model_is_that_model_and_of_equal_models_their_strongest_part() -> None:
    base, (one,) = models((10, 8), 1)
    assert close(ours("tsv_m", base, [one]), one)
    u, s, v = np.linalg.svd(one - base, full_matrices=False)
    half = base + u[:, :4] @ np.diag(s[:4]) @ v[:4]
    assert close(ours("tsv_m", base, [one, one]), half)


def test_changes_of_orthogonal_directions_are_added_whole_by_tsv_m() -> None:
    base = np.zeros((8, 8))
    first, second = base.copy(), base.copy()
    first[0, 1], first[2, 2], second[1, 0], second[3, 3] = 2.0, 1.0, 3.0, -1.0
    assert close(ours("tsv_m", base, [first, second]), first + second)


@pytest.mark.parametrize("name", ["iso_c", "tsv_m"])
def test_matrices_without_full_rank_do_not_leave_their_directions(name: str) -> None:
    """The papers' code would fill up with directions that the library happens to return."""
    draw = np.random.default_rng(1)
    left, right = draw.integers(-4, 5, (12, 2)), draw.integers(-4, 5, (2, 9))
    inputs = [(left @ right).astype(float), (2.0 * left[:, :1] @ right[:1])]
    merged = ours(name, np.zeros((12, 9)), inputs)
    outside = np.eye(12) - left @ np.linalg.pinv(left)
    assert np.abs(merged).max() > 1
    assert np.abs(outside @ merged).max() < 1e-5


@shapes
@pytest.mark.parametrize("depth", [0.0, 0.25, 1.0])
def test_lines(shape: Any, depth: float) -> None:
    base, inputs = models(shape, 3)
    weights = [0.7, -0.4, 1.3]
    change = sum(w * (x - base) for w, x in zip(weights, inputs, strict=True))
    found = ours("lines", base, inputs, by_weight(weights), depth, alpha=0.3, beta=0.5)
    assert close(found, base + (0.3 + 0.5 * depth) * change)


def test_matrices_too_small_for_a_direction_a_model_are_averaged_by_tsv_m() -> None:
    base, inputs = models((2, 30), 3)
    assert close(ours("tsv_m", base, inputs), mean_change(base, [x - base for x in inputs]))


@pytest.mark.parametrize("name", ["magmax", "emr_unified", "consensus_ta", "pcb", "iso_c", "tsv_m"])
def test_without_any_weight_the_base_is_left(name: str) -> None:
    base, inputs = models((4, 5), 2)
    assert np.array_equal(ours(name, base, inputs, by_weight([0, 0])), base)


@pytest.mark.parametrize("changes", [[2.0, -2.0], [-2.0, 2.0]])
def test_equal_and_opposite_changes_do_not_depend_on_the_order(changes: list[float]) -> None:
    inputs = [np.array([c]) for c in changes]
    assert ours("magmax", np.zeros(1), inputs) == [2.0]
    assert ours("emr_unified", np.zeros(1), inputs) == [0.0]
