"""Peers: inside the space, the same for the same seed; mergekit-evolve's search as it is there."""

from typing import Any

import numpy as np
import pytest

from benchmarks.peers.mergekit_evolve import MergekitEvolve
from benchmarks.peers.registry import PEERS
from benchmarks.quality.contest import Contestant
from benchmarks.quality.play import play
from benchmarks.surfaces.synthetic import synthetic

CHEAP = sorted(name for name, peer in PEERS.items() if peer.cost < 4)


@pytest.mark.parametrize("name", CHEAP)
def test_points_lie_in_the_space_and_follow_from_the_seed(name: str) -> None:
    surface = synthetic("mixed7")
    run = play(surface, Contestant(name, "native", 0), 0, 24)
    assert run.failure == ""
    assert run.params == play(surface, Contestant(name, "native", 0), 0, 24).params
    for row in run.params:
        point = dict(zip(run.dimensions, row, strict=True))
        active = {d.name for d in surface.space.active(str(point["merge_method"]))}
        assert {n for n, value in point.items() if value is not None} == active
        for dimension in surface.space.dimensions:
            value = point[dimension.name]
            if isinstance(value, float):
                assert dimension.range.low <= value <= dimension.range.high  # type: ignore[operator]


def test_slices_change_no_proposal_of_gpsampler(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.peers import sliced

    surface, gp = synthetic("merge6"), Contestant("optuna_gp", "native", 0)
    points: list[int] = []
    logehvi: Any = sliced.acqf.logehvi

    def counted(**given: Any) -> Any:
        points.append(len(given["Y_post"]))
        return logehvi(**given)

    monkeypatch.setattr(sliced.acqf, "logehvi", counted)
    ours = play(surface, gp, 0, 14)
    assert ours.failure == ""
    assert max(points) <= 11
    monkeypatch.setattr(sliced, "POINTS", 10**6)
    whole = play(surface, gp, 0, 14)
    assert max(points) >= 2048
    assert ours.params == whole.params


def test_in_turn_asks_both(monkeypatch: pytest.MonkeyPatch) -> None:
    from optuna.samplers import RandomSampler

    asked: list[str] = []

    def of(who: str) -> Any:
        class Noted(RandomSampler):
            def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
                asked.append(who)
                return super().infer_relative_search_space(study, trial)

        return lambda problem: Noted(problem.seed)

    monkeypatch.setattr("benchmarks.peers.registry._tpe", of("tpe"))
    monkeypatch.setattr("benchmarks.peers.registry._gp", of("gp"))
    play(synthetic("merge2"), Contestant("gp_tpe_in_turn", "native", 0), 0, 4)
    assert asked == ["tpe", "gp", "tpe", "gp"]


def test_mergekit_evolve_starts_at_the_average_with_nothing_dropped() -> None:
    surface = synthetic("merge6")
    rows = np.array(
        [play(surface, Contestant("mergekit_evolve", "native", 0), s, 9).params for s in range(20)],
        dtype=float,
    ).reshape(-1, 6)
    weights, densities = rows[:, ::2], rows[:, 1::2]  # weight, density of each expert
    # |N(1/3, 1/6)|, and N(1, 1/6) cut at 1: half of the densities are 1.
    assert weights.mean() == pytest.approx(1 / 3, abs=0.02)
    assert 0.4 < (densities == 1.0).mean() < 0.6


def test_mergekit_evolve_sees_the_tasks_and_not_the_sparsity() -> None:
    sampler = MergekitEvolve(
        synthetic("merge6").space, {"t0": "maximize", "t1": "maximize", "nonzero": "minimize"}, 0
    )
    assert sampler._loss([0.5, 0.25, 0.9]) == -0.75


def test_mergekit_evolve_climbs_the_sum_of_scores() -> None:
    surface = synthetic("merge6")
    run = play(surface, Contestant("mergekit_evolve", "native", 0), 0, 90)
    sums = [sum(row[:3]) for row in run.test if row]  # type: ignore[arg-type]
    assert np.mean(sums[-18:]) > np.mean(sums[:18]) + 0.1


def test_with_the_shared_start_mergekit_evolve_starts_at_the_best_known_point() -> None:
    surface = synthetic("merge6")
    run = play(surface, Contestant("mergekit_evolve", "shared", 0), 0, 19)
    known = run.params[:10] + [list(p.values()) for p in surface.parent_points.values()]
    values = run.values[:10] + [list(m.values.values()) for m in surface.parents.values()]
    best = known[int(np.argmax([sum(row[:3]) for row in values if row]))]  # type: ignore[arg-type]
    weights = np.array([row[::2] for row in run.params[10:]], dtype=float)
    assert np.abs(weights.mean(axis=0) - np.array(best[::2], dtype=float)).max() < 0.2
