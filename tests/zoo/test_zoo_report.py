from dataclasses import replace
from pathlib import Path

import pytest

from optimerge.zoo import DEFAULT, Zoo, make_zoo
from optimerge.zoo.report import Point, Report, non_dominated, report

GOOD = Report(
    parents={
        "base": {"add": 0.5, "sort": 0.5},
        "add": {"add": 0.9, "sort": 0.4},
        "sort": {"add": 0.3, "sort": 0.95},
    },
    sweep={0.1: {"add": 0.6, "sort": 0.6}, 0.4: {"add": 0.8, "sort": 0.8}},
    points=tuple(Point(f"p{i}", {"add": i / 10, "sort": 1 - i / 10}, 1.0) for i in range(8)),
    seconds={"base": 20.0, "experts": 10.0},
    cpu_seconds=40.0,
    evaluated=1000,
)
FORGETFUL = {"add": 0.1, "sort": 0.95}


def broken(report: Report) -> list[int]:
    return [number for number, promise in enumerate(report.promises) if not promise.met]


def test_a_good_zoo_keeps_its_promises() -> None:
    assert broken(GOOD) == []


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (
            {"parents": {**GOOD.parents, "base": {"add": 0.29, "sort": 0.5}, "sort": FORGETFUL}},
            0,
        ),
        ({"parents": {**GOOD.parents, "base": {"add": 0.66, "sort": 0.5}}}, 0),
        ({"parents": {**GOOD.parents, "add": {"add": 0.84, "sort": 0.4}}}, 1),
        ({"parents": {**GOOD.parents, "sort": {"add": 0.46, "sort": 0.95}}}, 2),
        ({"sweep": {0.1: {"add": 0.6, "sort": 0.6}}}, 3),
        ({"points": GOOD.points[:7]}, 4),
        ({"seconds": {"base": 61.0}}, 5),
    ],
)
def test_a_broken_promise_is_said(change: dict[str, object], promise: int) -> None:
    worse = replace(GOOD, **change)
    assert broken(worse) == [promise]
    assert str(worse).count("NOT MET") == 1


def test_a_front_has_no_dominated_point_and_no_equal_twice() -> None:
    points = [
        Point("a", {"x": 0.5, "y": 0.5}, 0.5),
        Point("equal", {"x": 0.5, "y": 0.5}, 0.5),
        Point("worse", {"x": 0.5, "y": 0.4}, 0.5),
        Point("sparse", {"x": 0.1, "y": 0.1}, 0.0),
    ]
    assert [point.name for point in non_dominated(points)] == ["a", "sparse"]


def test_plain_merges_by_hand() -> None:
    import torch

    from optimerge.zoo.plain import Pull, dare_ties, task_arithmetic

    base = {"w": torch.tensor([1.0, 1.0, 1.0, 1.0])}
    one = {"w": torch.tensor([3.0, 1.0, 0.0, 1.0])}
    two = {"w": torch.tensor([2.0, 1.0, 3.0, 0.0])}
    pulls = [Pull(one, 0.5), Pull(two, 1.0)]
    summed = task_arithmetic(base, pulls)
    assert summed.state["w"].tolist() == [3.0, 1.0, 2.5, 0.0]
    assert summed.nonzero == 0.75
    elected = dare_ties(base, pulls, torch.Generator())
    assert elected.state["w"].tolist() == [3.0, 1.0, 3.0, 0.0]


def test_plain_dare_thins_and_keeps_the_l1_norm() -> None:
    import torch

    from optimerge.zoo.plain import Pull, dare_ties

    base = {"w": torch.zeros(10_000)}
    expert = {"w": torch.randn(10_000, generator=torch.Generator().manual_seed(1))}
    merged = dare_ties(base, [Pull(expert, 1.0, 0.3)], torch.Generator().manual_seed(2))
    assert merged.nonzero == pytest.approx(0.3, abs=0.02)
    assert float(merged.state["w"].abs().sum()) == pytest.approx(
        float(expert["w"].abs().sum()), rel=1e-4
    )


def test_the_report_of_a_tiny_zoo_is_measured_and_honest(tiny: Zoo) -> None:
    from optimerge.zoo.measure import measure

    measured = measure(tiny, (0.2,), 3)
    assert list(measured.parents) == ["base", "add", "sort", "shift"]
    assert [point.name for point in measured.points[-4:]] == [
        "uniform",
        "trial 5",
        "trial 6",
        "trial 7",
    ]
    assert measured.points[0].nonzero == 0.0
    assert all(0.9 < point.nonzero <= 1.0 for point in measured.points[1:5])
    text = str(measured)
    assert text.count("NOT MET") >= 2
    assert max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.slow
def test_the_zoo_keeps_its_promises(tmp_path: Path) -> None:
    measured = report(make_zoo(tmp_path / "zoo", DEFAULT))
    kept = measured.promises[:-1]
    assert [promise for promise in kept if not promise.met] == [], str(measured)
