"""`auto`: it learns, heeds constraints and failures, repeats nothing, and passes Optuna's suites."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from optimerge.search.samplers.improving.proposal import Proposal, Settings
from optimerge.search.samplers.improving.sampler import ImprovementSampler
from optimerge.search.samplers.named import Ask
from optimerge.search.samplers.registry import SAMPLERS
from optimerge.search.samplers.space_trends import trends_of
from optimerge.search.samplers.tamed import tamed
from optimerge.space.read import make_space
from optimerge.testing.optuna_suite import OptunaSuite

SPACE: dict[str, BaseDistribution] = {name: FloatDistribution(0.0, 1.0) for name in "abcd"}


class TestOptunasSuite(OptunaSuite):
    @pytest.fixture
    def sampler(self) -> Callable[[], ImprovementSampler]:
        return lambda: ImprovementSampler(seed=0, startup=0)


def scores(params: dict[str, float]) -> tuple[float, float]:
    x = np.array([params[name] for name in "abcd"])
    return float(np.exp(-4 * ((x - 0.3) ** 2).sum())), float(np.exp(-4 * ((x - 0.6) ** 2).sum()))


def run(
    trials: int,
    tell: Callable[[optuna.Study, optuna.Trial], None],
    space: dict[str, BaseDistribution] = SPACE,
    **options: Any,
) -> optuna.Study:
    study = optuna.create_study(directions=["maximize", "maximize"])
    for number in range(trials):
        study.sampler = ImprovementSampler(seed=number, **options)
        tell(study, study.ask(space))
    return study


def told(study: optuna.Study, trial: optuna.Trial) -> None:
    study.tell(trial, scores(trial.params))


def test_it_finds_in_few_trials_what_chance_does_not() -> None:
    found = run(30, told)
    reached = [sum(t.values) for t in found.trials]
    rng = np.random.default_rng(0)
    luck = [sum(scores(dict(zip("abcd", rng.random(4), strict=True)))) for _ in range(30)]
    assert max(reached[:5]) < 1.3
    assert max(reached) > 1.37  # 1.395 at best, half way
    assert max(reached) > max(luck)
    assert np.median(reached[10:]) > np.median(luck)


@pytest.mark.slow
def test_what_breaks_a_constraint_is_avoided() -> None:
    def tell(study: optuna.Study, trial: optuna.Trial) -> None:
        trial.set_constraint("a", trial.params["a"] - 0.4)
        study.tell(trial, scores(trial.params))

    study = run(25, tell)
    kept = [t.params["a"] <= 0.4 for t in study.trials]
    assert np.mean(kept[10:]) > 0.8 > np.mean(kept[:5]) + 0.1


@pytest.mark.slow
def test_where_trials_fail_it_does_not_stay() -> None:
    def tell(study: optuna.Study, trial: optuna.Trial) -> None:
        if trial.params["a"] > 0.4:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, scores(trial.params))

    study = run(26, tell)
    failed = [t.state is optuna.trial.TrialState.FAIL for t in study.trials]
    assert np.mean(failed[13:]) < 0.35
    assert any(failed[:6])


@pytest.mark.slow
def test_trials_under_way_are_not_proposed_again() -> None:
    study = run(12, told)
    points = []
    for _ in range(4):
        study.sampler = ImprovementSampler(seed=100)  # the same seed: only what is pending differs
        points.append([study.ask(SPACE).params[name] for name in "abcd"])
    distances = np.linalg.norm(np.array(points)[:, None] - np.array(points)[None], axis=2)
    assert (distances + np.eye(4)).min() > 0.02


def test_a_small_space_is_searched_without_repeats() -> None:
    space: dict[str, BaseDistribution] = {
        "a": FloatDistribution(0.0, 1.0, step=0.25),
        "m": CategoricalDistribution(("x", "y", "z")),
    }

    def tell(study: optuna.Study, trial: optuna.Trial) -> None:
        study.tell(trial, [trial.params["a"], float(trial.params["m"] == "y")])

    study = run(14, tell, space, startup=2)
    points = [tuple(t.params.values()) for t in study.trials[2:]]
    assert len(set(points)) == len(points)


def test_standard_errors_of_scores_reach_the_surrogate(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[NDArray[np.float64]] = []
    old = Proposal.__init__

    def spy(self: Proposal, history: Any, *others: Any) -> None:
        seen.append(history.variances)
        old(self, history, *others)

    monkeypatch.setattr(Proposal, "__init__", spy)

    def tell(study: optuna.Study, trial: optuna.Trial) -> None:
        errors = {"t": {"stderr": 0.1}, "u": {"stderr": None}}
        trial.set_user_attr("scores", errors)
        study.tell(trial, scores(trial.params))

    run(7, tell, objectives=("t", "u"))
    assert len(seen[-1]) == 6
    np.testing.assert_allclose(seen[-1][:, 0], 0.01)
    assert np.isnan(seen[-1][:, 1]).all()


def test_parts_can_be_left_out() -> None:
    study = run(8, told)
    points = []
    for settings in (Settings(), Settings(known_noise=False), Settings(draws=4)):
        study.sampler = ImprovementSampler(seed=1, settings=settings)
        trial = study.ask(SPACE)
        points.append(tuple(trial.params.values()))
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    assert points[0] != points[2]


TEXT = """
merge_method: {choices: [dare_ties, task_arithmetic]}
base_model: base
models:
  - {model: base}
  - {model: a, parameters: {weight: {low: 0.0, high: 1.0, layer_groups: 2}, density: 0.5}}
  - {model: b, parameters: {weight: 0.0, density: {low: 0.1, high: 1.0}}}
objectives: [{task: t}, {sparsity: nonzero}, {sparsity: l1}]
"""


def test_auto_knows_of_a_space_which_experts_change_what() -> None:
    space = make_space(yaml.safe_load(TEXT), Path("s.yaml"))
    tasks, share, size = trends_of(space)
    assert tasks is None
    assert size is None
    assert share is not None
    one, other = share.experts
    assert (one.densities, other.weights, other.densities) == (0.5, 0.0, ("b.density",))
    assert isinstance(one.weights, tuple)
    assert len(one.weights) == 2
    made = SAMPLERS["auto"].make(Ask(space, 0, finished=0))
    assert isinstance(made, ImprovementSampler)


def test_shared_and_empty_parameters_are_read_as_they_are_meant() -> None:
    data = yaml.safe_load(TEXT)
    data["parameters"] = {"density": {"low": 0.1, "high": 1.0}}
    data["models"][1] = {
        "model": "a",
        "parameters": {"weight": {"low": 0.2, "high": 0.3, "step": 0.5}},
    }
    data["models"][2] = {"model": "b", "parameters": None}
    _, share, _ = trends_of(make_space(data, Path("s.yaml")))
    assert share is not None
    one, other = share.experts
    assert (one.weights, one.densities) == (0.2, ("density",))
    assert (other.weights, other.densities) == (1.0, ("density",))


def test_wrecks_do_not_hide_what_is_worth_knowing() -> None:
    rng = np.random.default_rng(0)
    losses = rng.random((20, 2))
    losses[:4, 1] = [1e3, 1e160, 1e308, 5.0]
    found = tamed(losses, np.array([1.0, 1.0]))
    np.testing.assert_array_equal(found[:, 0], losses[:, 0])
    np.testing.assert_array_equal(found[4:], losses[4:])
    assert found.max() <= 3.0
    assert tamed(losses, None).max() <= 3.0


@pytest.mark.parametrize("wild", [1e160, 1e308])
def test_perplexities_without_bounds_are_survived(wild: float) -> None:
    def tell(study: optuna.Study, trial: optuna.Trial) -> None:
        one, other = scores(trial.params)
        wreck = trial.params["a"] > 0.5
        errors = {"t": {"stderr": 0.1}, "u": {"stderr": 1e158 if wreck else 0.1}}
        trial.set_user_attr("scores", errors)
        trial.set_constraint("u", float("inf") if wreck else -other)
        study.tell(trial, (one, -wild if wreck else other))

    study = run(14, tell, objectives=("t", "u"))
    assert all(t.state is optuna.trial.TrialState.COMPLETE for t in study.trials)
    assert np.mean([t.params["a"] <= 0.5 for t in study.trials[6:]]) > 0.6
