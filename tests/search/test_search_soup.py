"""The greedy soup: who joins, what is scored, what is kept."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.cli.quiet import quiet
from optimerge.errors import RunError
from optimerge.merge.plan import make_plan
from optimerge.objectives.evaluation import make_evaluation
from optimerge.objectives.protocol import Candidate
from optimerge.records.run import open_run
from optimerge.records.types import Score
from optimerge.search.budget import Stop
from optimerge.search.session import Session
from optimerge.search.soup import Step, greedy_soup, soup_recipe

Weights = dict[str, torch.Tensor]
NAMES = ("base", "red", "blue", "green")


@pytest.fixture
def trio(family: Path) -> Path:
    """Give the family a third expert."""
    shutil.copytree(family / "blue", family / "green")
    file = family / "green" / "model.safetensors"
    noise = torch.Generator().manual_seed(3)
    base = load_file(family / "base" / "model.safetensors")
    moved = {n: t + 0.2 * torch.randn(t.shape, generator=noise) for n, t in base.items()}
    save_file(moved, file, metadata={"format": "pt"})
    space = family / "space.yaml"
    line = "  - {model: green, parameters: {weight: 0.5, density: 0.5}}\nparameters:"
    space.write_text(space.read_text().replace("parameters: {normalize", f"{line} {{normalize"))
    return family


def weights(family: Path) -> dict[str, Weights]:
    return {name: load_file(family / name / "model.safetensors") for name in NAMES}


class Nearness:
    """An objective in place of the task: how near the candidate is to a target."""

    name = "echo"

    def __init__(self, target: Weights, direction: Any = "maximize") -> None:
        self.target, self.direction, self.calls = target, direction, 0
        self.failing: int | None = None

    def of(self, found: Weights) -> float:
        distance = sum(
            float((found[n] - t).double().square().sum()) for n, t in self.target.items()
        )
        return distance**0.5 * (-1 if self.direction == "maximize" else 1)

    def score(self, candidate: Candidate) -> Score:
        self.calls += 1
        if self.calls == self.failing:
            raise RuntimeError("a task helper broke")
        return Score(self.of(candidate.model.state_dict()), None, 30, self.direction, 0.0)


def average(models: list[Weights]) -> Weights:
    return {name: sum(m[name] for m in models) / len(models) for name in models[0]}  # type: ignore[misc]  # a sum of tensors


def judged(session: Session, objective: Nearness) -> Session:
    known = {**session.run.info.objectives, objective.name: objective.direction}
    run = replace(session.run, info=replace(session.run.info, objectives=known))
    return replace(
        session, run=run, evaluation=make_evaluation([objective, session.evaluation.objectives[1]])
    )


def cooked(session: Session, stop: Stop | None = None) -> list[Step]:
    with quiet(scoring=True):
        return list(greedy_soup(session, stop or Stop()))


def restated(objective: Nearness, models: dict[str, Weights]) -> list[tuple[str, bool]]:
    """Wortsman et al. 2022, recipe 1."""
    sign = 1 if objective.direction == "maximize" else -1

    def value(names: list[str]) -> float:
        return sign * objective.of(average([models[n] for n in names]))

    order = sorted(NAMES[1:], key=lambda name: value([name]), reverse=True)
    ingredients: list[str] = []
    steps = []
    for name in order:
        kept = not ingredients or value([*ingredients, name]) >= value(ingredients)
        if kept:
            ingredients = [*ingredients, name]
        steps.append((name, kept))
    return steps


MIXES = {
    "all of them": {"red": 0.4, "blue": 0.35, "green": 0.25},
    "two of them": {"blue": 0.55, "green": 0.45},
    "one alone": {"green": 1.0},
}


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("mix", MIXES)
def test_experts_join_as_in_the_paper(
    trio: Path, tmp_path: Path, opened: Callable[..., Session], mix: str, direction: str
) -> None:
    models = weights(trio)
    parts = MIXES[mix]
    target = {n: sum(w * models[m][n] for m, w in parts.items()) for n in models["base"]}
    objective = Nearness(target, direction)  # type: ignore[arg-type]  # tensors
    steps = cooked(judged(opened(trio, tmp_path), objective))
    assert [(s.expert, s.kept) for s in steps] == restated(objective, models)
    assert {s.expert for s in steps if s.kept} == set(parts)
    assert objective.calls == 4 + 2  # the parents, and two soups of more than one


def test_the_soup_is_the_uniform_average_and_takes_the_base_s_side_files(
    trio: Path, tmp_path: Path, opened: Callable[..., Session]
) -> None:
    session = opened(trio, tmp_path)
    recipe = soup_recipe(session, ["green", "red"])
    assert recipe == soup_recipe(session, ["red", "green"])
    session.engine.apply(recipe)
    wanted = average([weights(trio)[name] for name in ("red", "green")])
    for name, tensor in session.engine.model.state_dict().items():
        torch.testing.assert_close(tensor, wanted[name], rtol=0, atol=2e-7)
    assert recipe.references()[0] == "base"
    make_plan(recipe, session.engine.checkpoints)


def test_what_was_scored_once_is_not_scored_again_and_the_search_does_not_see_it(
    trio: Path, tmp_path: Path, opened: Callable[..., Session], searched: Any
) -> None:
    objective = Nearness(weights(trio)["base"])
    first = cooked(judged(opened(trio, tmp_path), objective))
    assert objective.calls == 6
    again = cooked(judged(opened(trio, tmp_path), objective))
    assert objective.calls == 6
    assert again == first
    assert open_run(tmp_path).finished() == 4
    assert all(t.is_parent for t in open_run(tmp_path).trials())
    trials = searched(judged(opened(trio, tmp_path), objective), 6)
    assert [t.is_parent for t in trials] == [False, False]


def test_a_stop_ends_it_between_two_soups_and_it_goes_on(
    trio: Path, tmp_path: Path, opened: Callable[..., Session]
) -> None:
    objective = Nearness(weights(trio)["base"])
    session, stop = judged(opened(trio, tmp_path), objective), Stop()
    steps: Iterator[Step] = greedy_soup(session, stop)
    with quiet(scoring=True):
        next(steps), next(steps)
        stop.requested = True
        assert list(steps) == []
    assert objective.calls == 5
    assert len(cooked(session)) == 3
    assert objective.calls == 6


def test_a_soup_that_fails_is_left_out(
    trio: Path, tmp_path: Path, opened: Callable[..., Session]
) -> None:
    objective = Nearness(weights(trio)["base"])
    objective.failing = 5
    steps = cooked(judged(opened(trio, tmp_path), objective))
    assert [s.kept for s in steps] == [True, False, True]
    assert "a task helper broke" in steps[1].trial.error


def test_without_a_task_there_is_nothing_to_choose_by(
    family: Path, tmp_path: Path, opened: Callable[..., Session]
) -> None:
    space = family / "space.yaml"
    text = space.read_text()
    start = text.index("  - {task: echo")
    space.write_text(text[:start] + text[text.index("  - sparsity") :])
    with pytest.raises(RunError, match="no objective is a task"):
        cooked(opened(family, tmp_path))
