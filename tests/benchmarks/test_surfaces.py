"""benchmarks/surfaces: emulators as good as their table says, the same everywhere."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest

from benchmarks import surfaces
from benchmarks.surfaces.definitions import SURFACES
from benchmarks.surfaces.emulated import load_emulator
from benchmarks.surfaces.emulator import explained, unseen
from benchmarks.surfaces.points import Coordinates
from benchmarks.surfaces.store import load
from optimerge.front.reference import reference_point
from optimerge.space.ranges import Param

ROOT = Path(__file__).parents[2]
DIMENSIONS = {"A6": 6, "A24": 24, "Amix": 11, "A6s1": 6, "B8": 8, "B24": 24, "B96": 96}
LEAST = {"A6": 0.91, "A24": 0.8, "Amix": 0.86, "A6s1": 0.93, "B8": 0.9, "B24": 0.9, "B96": 0.9}
"""R2 on unseen searches: what the table says, rounded down."""
SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
from benchmarks import surfaces
print(json.dumps([surfaces.load({name!r}).measure(p) for p in json.loads(sys.stdin.read())]))
"""


def drawn(name: str, points: int) -> list[dict[str, Param]]:
    rng, at = Random(0), Coordinates(SURFACES[name].space())
    return [
        at.params(np.array([rng.random() for _ in at.dimensions]), rng.randrange(len(at.methods)))
        for _ in range(points)
    ]


def test_the_spaces_are_as_the_protocol_says() -> None:
    assert {n: len(d.space().dimensions) for n, d in SURFACES.items()} == DIMENSIONS
    for name, definition in SURFACES.items():
        tasks = ["add", "sort", "shift"] + (["rank"] if name.startswith("B") else [])
        sparse = {} if name.startswith("B") else {"nonzero": "minimize"}
        assert definition.objectives == {**dict.fromkeys(tasks, "maximize"), **sparse}
        assert tuple(definition.objectives) == definition.space().objective_names


@pytest.mark.parametrize("name", surfaces.NAMES)
def test_merges_of_searches_that_were_not_fitted_on_are_predicted(name: str) -> None:
    data, at = load(SURFACES[name]), Coordinates(SURFACES[name].space())
    tasks = data.test.shape[1]
    shares = unseen(load_emulator(name).networks, data, at)
    assert explained(data.test, data.test - shares[:, tasks:]) > LEAST[name]
    assert explained(data.search, data.search - shares[:, :tasks]) > LEAST[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A24", "Amix", "B96"])
def test_a_point_is_worth_the_same_in_another_process(name: str) -> None:
    points = drawn(name, 5)
    here = [surfaces.load(name).measure(point) for point in points]
    script = SCRIPT.format(folder=str(ROOT), name=name)
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(points),
        capture_output=True,
        text=True,
        check=True,
    )
    there = [surfaces.Measured(*values) for values in json.loads(done.stdout)]
    for one, other in zip(here, there, strict=True):
        assert other.values == pytest.approx(one.values, abs=1e-9)
        assert other.test == pytest.approx(one.test, abs=1e-9)


@pytest.mark.parametrize("name", surfaces.NAMES)
def test_values_are_shares_of_items_near_what_counts_with_their_standard_error(name: str) -> None:
    surface = surfaces.load(name)
    far = []
    for point in drawn(name, 40):
        found = surface.measure(point)
        assert list(found.values) == list(found.stderr) == list(found.test)
        assert list(found.values) == list(surface.objectives)
        for task in surface.definition.tasks:
            value, error = found.values[task], found.stderr[task]
            assert 0 <= found.test[task] <= 1
            assert round(value * 400) == pytest.approx(value * 400)
            assert error == pytest.approx((value * (1 - value) / 399) ** 0.5)
            far.append(abs(value - found.test[task]))
    assert 0 < float(np.mean(far)) < 0.05


def test_noise_is_the_points_own() -> None:
    surface = surfaces.load("A6")
    point = drawn("A6", 1)[0]
    nudged = [{**point, "add.weight": 0.4 + 1e-9 * step} for step in range(200)]
    values = {surface.measure(each).values["add"] for each in nudged}
    tests = [surface.measure(each).test["add"] for each in nudged]
    assert len(values) > 3
    assert max(tests) - min(tests) < 1e-6
    assert all(surface.measure(nudged[0]) == surface.measure(nudged[0]) for _ in range(3))


@pytest.mark.parametrize("name", surfaces.NAMES)
def test_parents_are_as_measured_and_each_expert_leads_on_its_task(name: str) -> None:
    surface = surfaces.load(name)
    tasks = surface.definition.tasks
    assert set(surface.parents) == {"base", *(f"expert:{task}" for task in tasks)}
    for task in tasks:
        best = max(surface.parents.items(), key=lambda pair: pair[1].test[task])
        assert best[0] == f"expert:{task}"
        assert best[1].test[task] > 0.9
    if "nonzero" in surface.objectives:
        assert surface.parents["base"].values["nonzero"] == 0
    points = surface.parent_points
    assert set(points) == (set() if name == "Amix" else set(surface.parents))
    for parent, point in points.items():
        assert surface.measure(point) == surface.parents[parent]
    signs = [1 if d == "minimize" else -1 for d in surface.objectives.values()]
    losses = [np.multiply(signs, list(p.values.values())) for p in surface.parents.values()]
    assert np.isfinite(reference_point(losses)).all()


def test_the_share_that_changes_falls_with_the_density() -> None:
    surface = surfaces.load("A24")
    point = dict.fromkeys(drawn("A24", 1)[0], 0.5)
    shares = [
        surface.measure({k: d if "density" in k else v for k, v in point.items()}).test["nonzero"]
        for d in (0.1, 0.4, 0.7, 1.0)
    ]
    assert all(one < other for one, other in pairwise(shares))
    assert shares[0] == pytest.approx(1 - 0.9**3, abs=0.02)
    assert shares[-1] == pytest.approx(1, abs=0.01)
