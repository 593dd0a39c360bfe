"""The design of a search's first points: what is in it, in which spaces, how many."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.search.proposals import known_trial
from optimerge.search.start.design import design, design_size, experts_of
from optimerge.search.start.filling import spread_points, value_at
from optimerge.search.start.known import Start, known_starts
from optimerge.search.start.parents import parent_points
from optimerge.space.read import make_space
from optimerge.space.resolve import resolved
from optimerge.space.space import SearchSpace

OBJECTIVES = "objectives: [{task: x}]\n"
RANGES = "weight: {low: 0, high: 1}, density: {low: 0.05, high: 1}"


def models(names: str, ranges: str = RANGES) -> str:
    rows = "".join(f"- {{model: org/{n}, parameters: {{{ranges}}}}}\n" for n in names)
    return f"base_model: org/base\nmodels:\n{rows}"


def space_from(text: str, layers: int = 8) -> SearchSpace:
    return resolved(make_space(yaml.safe_load(text + OBJECTIVES), Path("my.yaml")), layers, {})


def starts(text: str, budget: int = 100, seed: int = 0) -> list[Start]:
    space = space_from(text)
    return design(space, experts_of(space), budget, seed)


def origins(text: str, budget: int = 100) -> list[str]:
    return [s.origin.removeprefix("warm:") for s in starts(text, budget)]


def known(text: str) -> list[Start]:
    """All points that have a meaning; a design has the first of them."""
    space = space_from(text)
    return list(known_starts(space, experts_of(space)))


def named(text: str) -> list[str]:
    return [s.origin.removeprefix("warm:") for s in known(text)]


def point(text: str, origin: str) -> dict[str, Any]:
    return dict(next(s.point for s in known(text) if s.origin == f"warm:{origin}"))


TIES = "merge_method: ties\n" + models("abc")
DARE = "merge_method: dare_ties\n" + models("abc")
MIXED = "merge_method: {choices: [dare_ties, ties, task_arithmetic, linear]}\n" + models("abc")
LAYERED = "merge_method: dare_ties\n" + models(
    "abc", "weight: {low: 0, high: 1, layer_groups: each, filters: [mlp]}, density: 0.5"
)
STEPS = "merge_method: dare_ties\n" + models(
    "abc",
    "weight: {choices: [0, 0.3, 0.5, 1]}, density: {low: 0.1, high: 0.9, step: 0.2}",
)
LOG = "merge_method: task_arithmetic\n" + models("abc", "weight: {low: 0.001, high: 1, log: true}")
SLERP = """merge_method: slerp
base_model: org/base
models: [{model: org/a}]
parameters: {t: {low: 0, high: 1, layer_groups: 2}}
"""
SOUP = """merge_method: linear
base_model: org/base
models:
- {model: org/base, parameters: {weight: {low: 0, high: 1}}}
- {model: org/a, parameters: {weight: {low: 0, high: 1}}}
"""
SCALE = """merge_method: passthrough
slices:
- sources: [{model: org/a, layer_range: [0, 8], parameters: {scale: {low: 0.5, high: 1.5}}}]
"""
MAP = "layer_map: {models: [org/a, org/b], layers: 6}\n"
DELLA = "merge_method: {choices: [della, breadcrumbs]}\n" + models(
    "ab", RANGES + ", epsilon: {low: 0.01, high: 0.2}, gamma: {low: 0, high: 0.05}"
)
EVERY = {
    "ties": TIES, "dare": DARE, "mixed": MIXED, "layered": LAYERED, "steps": STEPS, "log": LOG,
    "slerp": SLERP, "soup": SOUP, "scale": SCALE, "della": DELLA,
}  # fmt: skip


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_every_point_is_in_the_space_once_and_is_no_parent(text: str) -> None:
    space = space_from(text)
    experts = experts_of(space)
    found = design(space, experts, 100, 3)
    assert len(found) == design_size(space, 100)
    points = [tuple(sorted(s.point.items())) for s in found]
    assert len(set(points)) == len(points)
    assert len({s.origin for s in found}) > len(found) // 2
    parents = [p for who in (None, *experts) for p in parent_points(space, who)]
    for start in found:
        assert dict(start.point) not in parents
        # create_trial refuses a value outside its distribution, and a dimension too many or few
        trial = known_trial(space, start.point, [0.0], {})
        assert trial.params == dict(start.point)
        space.recipe(start.point, layers=8)


def test_a_sum_of_task_vectors_starts_from_what_people_try() -> None:
    assert origins(DARE) == ["average", "dare_ties density 0.5", "equal 0.5", "sobol 1"]
    leaning = ["a 0.7", "b 0.7", "c 0.7"]
    assert named(DARE)[:7] == [*origins(DARE)[:3], *leaning, "dare_ties density 0.1"]
    third = pytest.approx(1 / 3)
    assert point(DARE, "average") == {
        f"{m}.{p}": third if p == "weight" else 1.0 for m in "abc" for p in ("weight", "density")
    }
    assert point(DARE, "b 0.7")["b.weight"] == 0.7
    assert point(DARE, "b 0.7")["a.weight"] == 0.0


def test_where_weights_are_divided_a_leaning_leaves_the_rest_to_the_others() -> None:
    found = point(TIES, "a 0.7")
    assert found["a.weight"] == 0.7
    assert found["b.weight"] == found["c.weight"] == pytest.approx(0.15)
    assert not [o for o in named(TIES) if o.startswith("equal")]
    assert "lambda 1.5" in named(TIES + "parameters: {lambda: {low: 0.5, high: 1.5}}\n")


def test_normalize_false_makes_ties_a_sum() -> None:
    assert "equal 0.5" in named(TIES + "parameters: {normalize: false}\n")


def test_every_method_of_a_conditional_space_is_tried_early() -> None:
    found = starts(MIXED)
    assert {s.point["merge_method"] for s in found[:5]} == {
        "dare_ties",
        "ties",
        "task_arithmetic",
        "linear",
    }
    for start in found:
        names = [d.name for d in space_from(MIXED).active(str(start.point["merge_method"]))]
        assert list(start.point) == names


def test_numbers_come_as_near_as_the_ranges_let_them() -> None:
    assert "average" not in named(STEPS)
    equal = point(STEPS, "dare_ties density 0.5")
    assert (equal["a.weight"], equal["a.density"]) == (0.3, 0.5)
    assert point(STEPS, "equal 0.5")["a.density"] == 0.9
    leaning = point(LOG, "a 0.7")
    assert leaning == {"a.weight": 0.7, "b.weight": 0.001, "c.weight": 0.001}


def test_a_weight_out_of_reach_is_no_point() -> None:
    narrow = DARE.replace("weight: {low: 0, high: 1}", "weight: {low: 0.6, high: 0.9}")
    assert "average" not in named(narrow)
    assert "equal 0.5" not in named(narrow)
    assert "equal 0.7" in named(narrow)


def test_fixed_numbers_that_are_not_the_average_s_take_its_name() -> None:
    assert origins(DARE)[0] == "average"
    other = DARE.replace("weight: {low: 0, high: 1}, density", "weight: 0.9, density", 1)
    assert origins(other)[0] == "equal 0.33"
    assert origins(DARE.replace("density: {low: 0.05, high: 1}", "density: 0.3"))[0] == "equal 0.33"


def test_groups_and_filters_of_a_named_point_have_one_value() -> None:
    assert set(point(LAYERED, "equal 0.5").values()) == {0.5}
    assert len(point(LAYERED, "equal 0.5")) == 48


def test_of_a_layered_space_every_other_spread_point_is_tied_along_the_layers() -> None:
    space = space_from(LAYERED)
    for n, found in enumerate(list(spread_points(space, 0))[:6]):
        values = [found[f"a.weight[layer {k}, mlp]"] for k in range(8)]
        assert len(set(values)) == (8 if n % 2 else 1)
        assert found["a.weight[layer 0, mlp]"] != found["a.weight[layer 0, rest]"]


def test_single_models_start_from_their_own_numbers() -> None:
    assert origins(SLERP)[:3] == ["slerp t 0.5", "slerp t 0.3", "slerp t 0.7"]
    assert origins(SOUP)[:3] == ["a 0.5", "a 0.7", "a 0.3"]
    assert point(SOUP, "a 0.7") == {"base.weight": pytest.approx(0.3), "a.weight": 0.7}
    assert origins(SCALE)[0] == "sobol 1"


def test_maps_of_layers_and_fixed_spaces_have_no_design() -> None:
    assert starts(MAP) == []
    assert starts("merge_method: dare_ties\n" + models("ab", "weight: 0.5")) == []


def test_a_space_with_few_points_is_not_asked_for_more() -> None:
    text = SLERP.replace("{low: 0, high: 1, layer_groups: 2}", "{choices: [0.5, 0.9]}")
    assert [s.point for s in starts(text)] == [{"t": 0.5}, {"t": 0.9}]


@pytest.mark.parametrize(
    ("text", "budget", "size"),
    [
        (DARE, 10, 4),
        (DARE, 5, 0),
        (DARE, 6, 1),
        (DARE, 30, 4),
        (DARE, 1000, 4),
        (MIXED, 10, 4),
        (MIXED, 100, 7),
        (LAYERED, 100, 4),
        (LAYERED, 10, 4),
    ],
)
def test_the_design_leaves_most_of_the_budget_to_the_sampler(
    text: str, budget: int, size: int
) -> None:
    assert len(starts(text, budget)) == size


def test_a_quarter_is_spread_and_a_small_design_begins_like_a_large_one() -> None:
    small, large = origins(MIXED, 10), origins(MIXED, 100)
    assert [o.startswith("sobol") for o in large] == [False] * 6 + [True]
    assert small == [*large[:3], "sobol 1"]


def test_only_the_spread_depends_on_the_seed() -> None:
    one, same, other = (starts(DARE, seed=s) for s in (1, 1, 2))
    assert one == same
    assert [s == o for s, o in zip(one, other, strict=True)] == [True] * 3 + [False]


def test_the_spread_fills_ranges_evenly_and_on_their_grid() -> None:
    space = space_from(LOG + "parameters: {normalize: {choices: [true, false]}}\n")
    dimensions = {d.name: d for d in space.dimensions}
    logs = [value_at(dimensions["a.weight"], n / 10) for n in range(10)]
    assert logs[0] == pytest.approx(0.001)
    ratios = [float(b) / float(a) for a, b in pairwise(logs)]
    assert ratios == pytest.approx([ratios[0]] * 9)
    assert [value_at(dimensions["normalize"], s) for s in (0, 0.49, 0.5, 0.99)] == [True] * 2 + [
        False
    ] * 2
    steps = {d.name: d for d in space_from(STEPS).dimensions}["a.density"]
    assert [value_at(steps, n / 5) for n in range(5)] == [0.1, 0.3, 0.5, 0.7, 0.9]
    found = [p["a.weight"] for p in spread_points(space_from(DARE), 0)]
    quarters = [sum(q / 4 <= float(v) < (q + 1) / 4 for v in found) for q in range(4)]
    assert quarters == [16] * 4
