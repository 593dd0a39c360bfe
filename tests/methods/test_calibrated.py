"""Fisher and RegMean against their papers' formulas, restated in numpy float64."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from optimerge.errors import MethodError
from optimerge.merge.selection.hashed import HashedSelection
from optimerge.methods.protocol import Number, Statistic, StatisticKind, TensorGroup
from optimerge.methods.registry import method_named

Array = NDArray[np.float64]
NEEDS: dict[str, StatisticKind] = {"fisher": "fisher", "regmean": "gram"}


def ours(
    name: str,
    inputs: Sequence[Array],
    statistics: Sequence[Array | None],
    weights: Sequence[float],
    *,
    axis: int = -1,
    dtype: torch.dtype = torch.float32,
    base: Array | None = None,
    **shared: Number,
) -> Array:
    """Merge with our kernel; shared parameters that are not given have their defaults."""
    defaults = {p.name: p.default for p in method_named(name).shared}
    group = TensorGroup(
        None if base is None else torch.tensor(base, dtype=dtype),
        tuple(torch.tensor(x, dtype=dtype) for x in inputs),
        tuple({"weight": w} for w in weights),
        {**defaults, **shared},
        HashedSelection(3, "w", [str(i) for i in range(len(inputs))]),
        0.0,
        {NEEDS[name]: tuple(None if s is None else Statistic(torch.tensor(s, dtype=torch.float32), axis) for s in statistics)},
    )  # fmt: skip
    return method_named(name).kernel(group).double().numpy()


def f32(array: Array) -> Array:
    return array.astype(np.float32).astype(np.float64)


def models(shape: tuple[int, ...], count: int = 3, seed: int = 0) -> list[Array]:
    draw = np.random.default_rng(seed)
    base = draw.normal(size=shape)
    return [f32(base + 0.3 * draw.normal(size=shape)) for _ in range(count)]


def activations(count: int, rows: int, width: int, seed: int = 1) -> list[Array]:
    """Inputs of a layer whose columns go together, in another way in each model."""
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(rows, width)) @ draw.normal(size=(width, width)) for _ in range(count)]  # fmt: skip


weights_cases = pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.7, 2.0, 0.0], [0, 0, 3.0]])


@weights_cases
@pytest.mark.parametrize("shape", [(1,), (17,), (6, 9), (3, 4, 5)])
@pytest.mark.parametrize("scale", [1.0, 1e-18, 1e12])
def test_fisher_is_the_papers_average(shape, weights, scale):
    xs, draw = models(shape), np.random.default_rng(4)
    fishers = [f32(scale * draw.normal(size=shape) ** 2) for _ in xs]
    typical = sum(w * f.mean() for w, f in zip(weights, fishers, strict=True)) / sum(weights)
    for epsilon in (1e-6, 0.3):
        top, bottom = np.zeros(shape), np.zeros(shape)
        for place in np.ndindex(*shape):
            for w, f, x in zip(weights, fishers, xs, strict=True):
                factor = w * max(f[place], epsilon * typical)
                top[place] += factor * x[place]
                bottom[place] += factor
        found = ours("fisher", xs, fishers, weights, epsilon=epsilon)
        assert np.abs(found - top / bottom).max() < 1e-6


@weights_cases
def test_fisher_of_equal_information_is_linear(weights):
    xs, draw = models((6, 9)), np.random.default_rng(4)
    wanted = sum(w * x for w, x in zip(weights, xs, strict=True)) / sum(weights)
    same = draw.random((6, 9))
    assert np.abs(ours("fisher", xs, [same] * 3, weights) - wanted).max() < 5e-7
    other = [same, same * 2, same]
    assert weights[1] == 0 or np.abs(ours("fisher", xs, other, weights) - wanted).max() > 1e-2


def test_fisher_takes_what_only_one_model_knows_from_that_model():
    xs = models((40,), 2)
    known = [np.where(np.arange(40) < 10, 1.0, 0.0), np.where(np.arange(40) >= 30, 1.0, 0.0)]
    found = ours("fisher", xs, known, [1.0, 1.0], epsilon=1e-9)
    assert np.abs(found[:10] - xs[0][:10]).max() < 1e-6
    assert np.abs(found[30:] - xs[1][30:]).max() < 1e-6
    assert np.abs(found[10:30] - (xs[0] + xs[1])[10:30] / 2).max() < 1e-6


def solved(
    xs: Sequence[Array], grams: Sequence[Array], weights: Sequence[float], alpha: float
) -> Array:
    """The paper's equation, for layers stored as torch stores them: outputs x inputs."""
    scaled = [w * (alpha * g + (1 - alpha) * np.diag(np.diag(g))) for w, g in zip(weights, grams, strict=True)]  # fmt: skip
    right = sum(g @ x.T for g, x in zip(scaled, xs, strict=True))
    return np.linalg.solve(sum(scaled), right).T


@weights_cases
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(5, 8), (8, 8), (9, 4), (1, 1)])
def test_regmean_is_the_papers_equation(shape, weights, alpha):
    xs = models(shape)
    grams = [f32(a.T @ a) for a in activations(3, 60, shape[1])]
    wanted = solved(xs, grams, weights, alpha)
    found = ours("regmean", xs, grams, weights, alpha=alpha, epsilon=1e-9)
    assert np.abs(found - wanted).max() < 1e-6
    turned = ours("regmean", [x.T for x in xs], grams, weights, alpha=alpha, epsilon=1e-9, axis=0)
    assert np.abs(turned - wanted.T).max() < 1e-6


def test_regmean_answers_the_calibration_inputs_best():
    xs, seen = models((7, 12)), activations(3, 50, 12)

    def lost(w: Array) -> float:
        return sum(float(((a @ w.T - a @ x.T) ** 2).sum()) for a, x in zip(seen, xs, strict=True))

    grams = [a.T @ a for a in seen]
    merged = ours("regmean", xs, grams, [1.0] * 3, alpha=1.0, dtype=torch.float64)
    mean = sum(xs) / 3
    assert lost(merged) < 0.9 * lost(mean)
    draw = np.random.default_rng(5)
    nudges = [1e-3 * draw.normal(size=mean.shape) for _ in range(20)]
    assert all(lost(merged) < lost(merged + nudge) for nudge in nudges)


def test_regmean_leaves_unseen_directions_at_the_mean():
    """Inputs that are always 0, and fewer rows than columns: no division of 0 by 0."""
    xs, seen = models((7, 12)), activations(3, 3, 12)
    for a in seen:
        a[:, 4] = 0.0
    grams = [a.T @ a for a in seen]
    mean = sum(xs) / 3
    for alpha in (0.9, 1.0):
        found = ours("regmean", xs, grams, [1.0] * 3, alpha=alpha)
        assert np.isfinite(found).all()
        assert np.abs(found[:, 4] - mean[:, 4]).max() < 1e-6
    # Nine rows span nine directions; what is orthogonal to them stays.
    _, _, v = np.linalg.svd(np.concatenate(seen))
    orthogonal = v[9:]
    moved = np.abs((found - mean) @ v[:9].T).max()
    assert np.abs((found - mean) @ orthogonal.T).max() < 0.02 * moved
    nothing = ours("regmean", xs, [np.zeros((12, 12))] * 3, [1.0] * 3)
    assert np.abs(nothing - mean).max() < 1e-6


@pytest.mark.parametrize("name", ["fisher", "regmean"])
def test_one_unknown_model_makes_it_the_weighted_mean_unless_it_has_no_weight(name):
    xs = models((6, 8))
    draw = np.random.default_rng(2)
    known = {
        "fisher": [draw.random((6, 8)) for _ in xs],
        "regmean": [a.T @ a for a in activations(3, 30, 8)],
    }[name]
    lacking = [known[0], None, known[2]]
    wanted = (xs[0] + 2 * xs[1] + 3 * xs[2]) / 6
    assert np.abs(ours(name, xs, lacking, [1, 2, 3]) - wanted).max() < 1e-6
    assert np.abs(ours(name, xs, known, [1, 2, 3]) - wanted).max() > 1e-2
    silent = ours(name, xs, lacking, [1, 0, 3])
    assert np.abs(silent - ours(name, [xs[0], xs[2]], [known[0], known[2]], [1, 3])).max() < 1e-6
    assert np.abs(silent - (xs[0] + 3 * xs[2]) / 4).max() > 1e-2


@pytest.mark.parametrize("name", ["fisher", "regmean"])
def test_any_order_of_models_and_identical_models(name):
    xs, draw = models((6, 8)), np.random.default_rng(2)
    known = {
        "fisher": [draw.random((6, 8)) for _ in xs],
        "regmean": [a.T @ a for a in activations(3, 30, 8)],
    }[name]
    first = ours(name, xs, known, [1, 2, 3])
    for order in permutations(range(3)):
        again = ours(name, *([each[i] for i in order] for each in (xs, known, [1, 2, 3])))
        assert np.abs(again - first).max() < 2e-6
    assert np.abs(ours(name, [xs[0]] * 3, known, [1, 2, 3]) - xs[0]).max() < 5e-7


@pytest.mark.parametrize("name", ["fisher", "regmean"])
def test_weights_that_are_all_0_give_the_base_if_there_is_one(name):
    xs = models((3, 3))
    with pytest.raises(MethodError, match=r"all weights are 0.*raise a weight"):
        ours(name, xs, [None] * 3, [0, 0, 0])
    found = ours(name, xs[:2], [None] * 2, [0, 0], base=xs[2])
    assert np.array_equal(found, xs[2])


def test_what_is_no_gram_matrix_is_refused():
    with pytest.raises(MethodError, match="no Gram matrices"):
        bad = np.eye(8) - 3 * np.ones((8, 8)) + np.diag([9.0] * 8)
        ours("regmean", models((6, 8)), [bad] * 3, [1, 1, 1], alpha=1.0)
