"""Synthetic surfaces: merge-like in what they do, noisy as they say, their bounds out of reach."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.surfaces import known_fronts
from benchmarks.surfaces.bounds import best_known, long_search
from benchmarks.surfaces.items import observed, standard_error
from benchmarks.surfaces.synthetic import SYNTHETIC, Synthetic, _MergeTruth, synthetic
from optimerge.front.hypervolume import hypervolume
from optimerge.front.losses import to_loss
from optimerge.front.reference import reference_point
from optimerge.space.ranges import Param

MERGE_LIKE = ["merge2", "merge6", "mixed7", "merge24", "merge100"]


def drawn(surface: Synthetic, count: int, seed: int = 0) -> list[dict[str, Param]]:
    stream = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        method = str(stream.choice(surface.space.methods))
        point: dict[str, Param] = {}
        for d in surface.space.active(method):
            low, high = d.range.low, d.range.high
            numeric = low is not None and high is not None
            point[d.name] = float(stream.uniform(low, high)) if numeric else method
        found.append(point)
    return found


def losses(surface: Synthetic, rows: list[tuple[float, ...]]) -> np.ndarray:
    ways = surface.objectives.values()
    return np.array([[to_loss(v, d) for v, d in zip(r, ways, strict=True)] for r in rows])


@pytest.mark.parametrize("name", list(SYNTHETIC))
def test_the_same_point_gives_the_same_and_other_seeds_others(name: str) -> None:
    surface, again, other = synthetic(name), synthetic(name), synthetic(f"{name}+1")
    points = drawn(surface, 5)
    assert [surface.measure(p).test for p in points] != [other.measure(p).test for p in points]
    for point in points:
        found = surface.measure(point)
        assert found == again.measure(dict(reversed(point.items())))
        assert all(0 <= value <= 1 for value in (*found.values.values(), *found.test.values()))


@pytest.mark.parametrize(("name", "size"), list(zip(MERGE_LIKE, (2, 6, 7, 24, 100), strict=True)))
def test_dimensions_are_those_of_the_name(name: str, size: int) -> None:
    assert len(synthetic(name).space.dimensions) == size


@pytest.mark.parametrize("name", MERGE_LIKE)
def test_experts_are_good_at_their_task_and_large_weights_break_all(name: str) -> None:
    surface = synthetic(name)
    tasks = [t for t in surface.objectives if t != "nonzero"]
    base = surface.parents["base"].test
    for place, task in enumerate(tasks):
        assert surface.parents[f"expert:e{place}"].test[task] > base[task] + 0.1
    truth = surface.truth
    assert isinstance(truth, _MergeTruth)
    whole = np.ones((truth.made.experts, truth.made.groups))
    broken = truth.of(surface.space.methods[0], 1.5 * whole, whole)[: len(tasks)]
    assert max(broken) < 0.1


@pytest.mark.parametrize("name", MERGE_LIKE)
def test_merges_beat_parents_and_no_corner_is_best(name: str) -> None:
    surface = synthetic(name)
    front = best_known(name)
    assert front is not None
    parents = losses(surface, [tuple(p.test.values()) for p in surface.parents.values()])
    corner = reference_point(parents)
    best = hypervolume(np.concatenate((parents, front)), corner)
    assert best > 1.5 * hypervolume(parents, corner)
    ends = []
    stream = np.random.default_rng(1)
    for point in drawn(surface, 200, 2):
        for d in surface.space.dimensions:
            if d.name in point and d.range.low is not None:
                at_end = stream.choice([d.range.low, d.range.high])
                point[d.name] = float(at_end)
        ends.append(surface.truth(point))
    assert hypervolume(np.concatenate((parents, losses(surface, ends))), corner) < 0.8 * best


@pytest.mark.parametrize("name", list(SYNTHETIC))
def test_random_points_do_not_reach_the_bound(name: str) -> None:
    surface = synthetic(name)
    parents = losses(surface, [tuple(p.test.values()) for p in surface.parents.values()])
    corner = reference_point(parents)
    rows = [surface.truth(point) for point in drawn(surface, 200)]
    front = best_known(name)
    assert front is not None
    found = hypervolume(np.concatenate((parents, losses(surface, rows))), corner)
    assert hypervolume(parents, corner) < found < hypervolume(front, corner)


def test_the_long_search_is_as_good_as_a_front_that_is_known() -> None:
    surface = synthetic("dtlz6")
    known = best_known("dtlz6")
    assert known is not None
    corner = np.array([-0.3, -0.3, -0.3])
    found = hypervolume(long_search(surface, 4000), corner)
    assert 0.8 < found / hypervolume(known, corner) <= 1.0


def test_the_sphere_is_the_one_of_dtlz2() -> None:
    surface = synthetic("dtlz6")
    radii = (1 - known_fronts.true_sphere(20)) * 2.2
    assert np.linalg.norm(radii, axis=1) == pytest.approx(np.ones(400))
    for point in drawn(surface, 50):
        radius = np.linalg.norm((1 - np.array(surface.truth(point))) * 2.2)
        assert radius >= 1 - 1e-9


def test_noise_is_that_of_shares_of_items() -> None:
    for share in (0.1, 0.5, 0.9):
        many = [observed(share, f"s{n}", "t", b"point") for n in range(400)]
        assert np.mean(many) == pytest.approx(share, abs=0.005)
        assert np.std(many) == pytest.approx(standard_error(share), rel=0.12)


def test_scores_of_two_points_err_together() -> None:
    pairs = [
        (observed(0.5, f"s{n}", "t", b"a"), observed(0.5, f"s{n}", "t", b"b")) for n in range(400)
    ]
    assert 0.2 < np.corrcoef(np.array(pairs).T)[0, 1] < 0.5


def test_sparsity_is_exact_and_counts_untouched_parameters() -> None:
    surface = synthetic("merge6")
    point = dict(surface.parent_points["base"])
    assert surface.measure(point).values["nonzero"] == 0.0
    point["e0.weight"], point["e0.density"] = 0.5, 0.25
    found = surface.measure(point)
    assert found.values["nonzero"] == found.test["nonzero"] == 0.25
    assert found.stderr["nonzero"] == 0.0
    point["e1.weight"], point["e1.density"] = 0.5, 0.5
    assert surface.measure(point).values["nonzero"] == pytest.approx(1 - 0.75 * 0.5)


def test_methods_differ_where_a_method_is_searched() -> None:
    surface = synthetic("mixed7")
    weights = {f"e{i}.weight": 0.4 for i in range(3)}
    dropped = {f"e{i}.density": 0.5 for i in range(3)}
    found = {
        method: surface.truth({"merge_method": method, **weights, **dropped})
        for method in surface.space.methods
    }
    assert len(set(found.values())) == 3
    assert [round(values[-1], 3) for values in found.values()] == [1.0, 0.875, 0.875]


def test_constants_follow_from_the_seed_alone() -> None:
    made = SYNTHETIC["merge6"]
    assert replace(made, seed=0).build().truth(drawn(synthetic("merge6"), 1)[0]) == synthetic(
        "merge6"
    ).truth(drawn(synthetic("merge6"), 1)[0])
