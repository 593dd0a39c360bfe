"""The laws of samplers catch samplers that break them, each by the law that it breaks."""

import random
from typing import Any

import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from optimerge.search.samplers.named import Ask, NamedSampler
from optimerge.testing.sampler_laws import ORDINARY, SamplerLaws


class Planted(RandomSampler):
    """A random sampler with a fault in how it draws a number."""

    def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
        value = super().sample_independent(study, trial, name, distribution)
        number = isinstance(distribution, FloatDistribution)
        return self.spoilt(study, value) if number else value

    def spoilt(self, study: Any, value: float) -> float:
        raise NotImplementedError


class Outside(Planted):
    def spoilt(self, study: Any, value: float) -> float:
        return value + 1.0


class OffGrid(Planted):
    def spoilt(self, study: Any, value: float) -> float:
        return value * 0.99


class Hashing(Planted):
    def spoilt(self, study: Any, value: float) -> float:
        return value * (hash("seed") % 1009) / 1009


class Constant(Planted):
    def spoilt(self, study: Any, value: float) -> float:
        return 0.5


class Crashing(Planted):
    """Takes the finished trials for scored ones."""

    def spoilt(self, study: Any, value: float) -> float:
        done = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
        return value + 0 * sum(t.values[0] for t in done)


class CrashingOnNaN(Planted):
    """Counts on the scores of failed trials."""

    def spoilt(self, study: Any, value: float) -> float:
        kept = [t.user_attrs.get("scores", {}) for t in study.get_trials(deepcopy=False)]
        return value + 0 * int(sum(each["value"] for s in kept for each in s.values()))


class Dividing(Planted):
    """Standardises by the range of the values."""

    def spoilt(self, study: Any, value: float) -> float:
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        first = [t.values[0] for t in done]
        return value + 0 * (1 / (max(first) - min(first)))


class Constrained(Planted):
    """Counts on constraints of every finished trial."""

    def spoilt(self, study: Any, value: float) -> float:
        done = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
        return value + 0 * sum(min(t.constraints.values()) for t in done)


class Global(Planted):
    def spoilt(self, study: Any, value: float) -> float:
        return value + 0 * random.random()


LAWS = SamplerLaws()


def made(kind: type[BaseSampler], *, seeded: bool = True) -> NamedSampler:
    def make(ask: Ask) -> BaseSampler:
        return kind(seed=ask.seed) if seeded else kind()  # type: ignore[call-arg]

    return NamedSampler(kind.__name__, "planted", "", make)


def make_hashing(ask: Ask) -> BaseSampler:
    return Hashing(seed=ask.seed)


def make_unseeded(ask: Ask) -> BaseSampler:
    return RandomSampler()


@pytest.mark.parametrize(
    ("kind", "law", "arguments"),
    [
        (Outside, LAWS.test_proposes_points_of_the_space, ("numbers", "")),
        (OffGrid, LAWS.test_proposes_points_of_the_space, ("mixed", "")),
        (Constant, LAWS.test_another_seed_gives_another_proposal, ("cc",)),
        (Constant, LAWS.test_seldom_proposes_what_is_known, ()),
        (Crashing, LAWS.test_proposes_whatever_became_of_earlier_trials, ("f",)),
        (CrashingOnNaN, LAWS.test_proposes_whatever_became_of_earlier_trials, ("nfprnfprnfpr",)),
        (Dividing, LAWS.test_proposes_whatever_the_values_are, ("all equal",)),
        (Constrained, LAWS.test_proposes_whatever_constraints_are_broken, (ORDINARY, 0.5)),
        (Global, LAWS.test_leaves_the_global_random_state_alone, ()),
    ],
)
def test_a_fault_is_caught(kind: type[BaseSampler], law: Any, arguments: tuple[Any, ...]) -> None:
    law(made(RandomSampler), *arguments)
    with pytest.raises((AssertionError, TypeError, ValueError, ZeroDivisionError)):
        law(made(kind), *arguments)


@pytest.mark.parametrize("make", [make_unseeded, make_hashing])
def test_what_differs_by_process_is_caught(make: Any) -> None:
    sampler = NamedSampler("planted", "differs by process", "", make)
    with pytest.raises(AssertionError):
        LAWS.test_the_same_view_gives_the_same_proposal_in_another_process(sampler)


def test_a_sampler_that_repeats_itself_is_kept_from_it() -> None:
    LAWS.test_repeats_no_point_until_a_finite_space_is_used_up(made(Constant))
    LAWS.test_repeats_no_corner(made(Constant))


def test_a_sampler_that_imports_much_is_caught() -> None:
    sampler = NamedSampler("planted", "heavy", "", Outside)
    with pytest.raises(AssertionError):
        LAWS.test_importing_it_does_not_import_optuna_numpy_or_torch(sampler)
