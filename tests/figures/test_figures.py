"""Pictures of runs: they come out the same twice, for every kind of run, and cost no trust."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from optimerge.figures.bars import share_figure
from optimerge.figures.front import front_figure
from optimerge.figures.history import history_figure
from optimerge.figures.layers import layer_figure
from optimerge.front.front import make_front
from optimerge.front.history import make_history
from optimerge.recipe.by_layer import LayerRow
from optimerge.records.types import Direction, Score, Trial

NAMES = ["maths", "code", "size", "speed", "law", "art"]


def study(objectives: int, merges: int = 12, broken: bool = False) -> list[Trial]:
    draw = np.random.default_rng(objectives)
    names = NAMES[:objectives]

    def trial(number: int | None, origin: str) -> Trial:
        scores = {n: Score(float(draw.random()), 0.02, 50, "maximize", 1.0) for n in names}
        limits = {"maths >= 2": 1.0} if broken and number == 0 else {}
        return Trial(number, "complete", origin, {}, "", scores, constraints=limits)

    parents = [trial(None, "base"), trial(None, "expert:$a_b$<&>-with-quite-a-long-name-of-7b")]
    failed = Trial(99, "failed", "sampler", {}, "", error="out of memory")
    return [*parents, *(trial(n, "sampler") for n in range(merges)), failed]


def directions(objectives: int) -> dict[str, Direction]:
    return dict.fromkeys(NAMES[:objectives], "maximize")


@pytest.mark.parametrize("objectives", [1, 3])
def test_the_front_is_drawn_the_same_twice(objectives: int) -> None:
    front = make_front(study(objectives, broken=True), directions(objectives))
    first = front_figure(front, front.members[0])
    ET.fromstring(first)
    assert front_figure(front, front.members[0]) == first
    assert front_figure(front, None) != first
    assert front_figure(front, form="png").startswith(b"\x89PNG")


def test_parents_alone_and_a_single_trial_are_fronts_too() -> None:
    ET.fromstring(front_figure(make_front(study(2, merges=0), directions(2))))
    alone = study(2, merges=1)[2:]
    ET.fromstring(front_figure(make_front(alone, directions(2))))


def test_a_history_shows_failures_and_unknown_volumes() -> None:
    trials = study(2)
    ET.fromstring(history_figure(make_history(trials, directions(2))))
    failed = [t for t in trials if t.state == "failed"]
    ET.fromstring(history_figure(make_history(failed, directions(2))))


def test_shares_have_a_bar_each() -> None:
    shares = {f"objective {n}": [("a.weight", 0.5), ("b.weight", 0.0)] for n in range(5)}
    ET.fromstring(share_figure(shares))


@pytest.mark.parametrize("values", [(0.1, 0.2, None), (-0.5, 0.5, 0.0), (0.0, 0.0, 0.0), (1.0,)])
def test_layers_are_drawn_whatever_their_numbers(values: tuple[float | None, ...]) -> None:
    rows = [
        LayerRow("org/red", "weight", "", values),
        LayerRow("org/red", "density", "mlp", values),
    ]
    ET.fromstring(layer_figure(rows, {"org/red": "red"}))


def test_no_state_of_matplotlib_outlives_a_picture() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    share_figure({"a": [("b", 1.0)]})
    assert dict(matplotlib.rcParams) == before
