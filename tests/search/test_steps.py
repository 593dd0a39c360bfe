"""Steps that do not divide their range: every place that makes a point stays on the steps."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from optimerge.search.proposals import known_trial
from optimerge.search.start.design import design, experts_of
from optimerge.search.start.parents import parent_points
from optimerge.space.points import points, random_point, size
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace

TEXT = """
merge_method: task_arithmetic
base_model: base
models:
  - {{model: a, parameters: {{weight: {range}}}}}
  - {{model: b, parameters: {{weight: {range}}}}}
objectives: [{{task: t}}, {{sparsity: nonzero}}]
"""
RANGES = [
    "{low: 0, high: 1, step: 0.3333333333333333}",
    "{low: 0.3333333333333333, high: 1, step: 0.1}",
    "{low: 0, high: 1, step: 0.1428571428571428}",
    "{low: 0, high: 0.75, step: 0.1}",
    "{low: 0, high: 0.7, step: 0.2}",
    "{low: 0, high: 1, step: 0.1}",
    "{low: 0.2, high: 0.3, step: 0.5}",
    "{low: 0, high: 0.00007, step: 0.00002}",
]


def space_of(text: str) -> SearchSpace:
    return make_space(yaml.safe_load(text), Path("s.yaml"))


@pytest.mark.parametrize("written", RANGES)
def test_every_point_that_is_made_is_one_of_optunas(written: str) -> None:
    space = space_of(TEXT.format(range=written))
    made: list[dict[str, Any]] = [dict(p) for p in points(space)]
    assert len(made) == size(space)
    made += [random_point(space, Random(seed)) for seed in range(20)]
    made += [dict(start.point) for start in design(space, experts_of(space), 40, seed=0)]
    made += [dict(p) for expert in (None, "a", "b") for p in parent_points(space, expert)]
    for point in made:
        known_trial(space, point, [0.5, 0.5], {})  # raises ValueError outside of a range


def test_a_step_of_a_tenth_reads_well() -> None:
    space = space_of(TEXT.format(range="{low: 0, high: 1, step: 0.1}"))
    found = sorted({p["a.weight"] for p in points(space)})
    assert found == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_a_space_of_more_points_than_a_float_can_count_is_as_good_as_continuous() -> None:
    parts = "{low: 0, high: 1, step: 0.05, layer_groups: 160}"
    text = TEXT.format(range=parts).replace("task_arithmetic", "{choices: [ties, linear]}")
    text = text.replace("objectives:", "parameters: {density: {low: 0.1, high: 1.0}}\nobjectives:")
    assert size(space_of(text)) == float("inf")


def test_equal_choices_are_refused_however_they_are_written() -> None:
    with pytest.raises(Exception, match="twice"):
        space_of(TEXT.format(range="{choices: [1, 1.0]}"))
