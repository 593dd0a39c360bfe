"""Proposing is a pure function, and yet samplers that keep a state go on as in one study."""

import gc
import logging
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
import pytest
from fake_search import ONE_METHOD, TELLTALE, Telltale, space_of
from optuna.samplers import BaseSampler, CmaEsSampler, NSGAIIISampler, NSGAIISampler

from optimerge.records.types import Direction
from optimerge.search import proposals
from optimerge.search.begin import begin_proposal
from optimerge.search.distributions import space_distributions
from optimerge.search.proposals import (
    STUDY,
    View,
    keyed_seed,
    propose_point,
    suggest_point,
)
from optimerge.search.samplers.registry import Ask, NamedSampler
from optimerge.search.seen import make_view

Make = Callable[[Ask], BaseSampler]
SPACE = space_of(ONE_METHOD)


def directions(count: int) -> dict[str, Direction]:
    return dict.fromkeys(("t", "u", "l1")[:count], "maximize")


def values(params: Any, count: int) -> list[float]:
    a, b = float(params["a.weight"]), float(params["b.weight[layers 1/2]"])
    return [a - b, b - a**2, a * b][:count]


def view_of(study: optuna.Study, *, ahead: bool = False) -> View:
    return make_view(study, SPACE, directions(len(study.directions)), 0, ahead=ahead)


def in_one_study(make: Make, trials: int, count: int) -> list[dict[str, Any]]:
    """What a sampler proposes that is made anew for each trial of one study in memory."""
    study = optuna.create_study(directions=["maximize"] * count)
    for number in range(trials):
        study.sampler = make(Ask(SPACE, keyed_seed(0, number), number))
        asked = study.ask()
        suggest_point(asked, SPACE)
        study.tell(asked, values(asked.params, count))
    return [t.params for t in study.trials]


def in_studies_of_its_own(
    make: Make, trials: int, count: int, lost: str = "no key begins so"
) -> list[dict[str, Any]]:
    """The same, but of the search; attributes whose keys begin with `lost` are not kept."""
    study = optuna.create_study(directions=["maximize"] * count)
    for _ in range(trials):
        proposal = propose_point(view_of(study), NamedSampler("mine", "", "", make))
        kept = {k: v for k, v in proposal.attributes.items() if not k.startswith(lost)}
        asked = begin_proposal(study, SPACE, replace(proposal, attributes=kept), {})
        study.tell(asked, values(asked.params, count))
    return [t.params for t in study.trials]


def nsga2(ask: Ask) -> BaseSampler:
    return NSGAIISampler(seed=ask.seed, population_size=8)


def nsga3(ask: Ask) -> BaseSampler:
    return NSGAIIISampler(seed=ask.seed, population_size=8)  # it chooses parents at random


def cmaes(ask: Ask) -> BaseSampler:
    return CmaEsSampler(
        seed=ask.seed, popsize=5, n_startup_trials=2, warn_independent_sampling=False
    )


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(("make", "count"), [(nsga2, 3), (nsga3, 3), (cmaes, 1)])
def test_generations_go_on_as_in_one_study(
    make: Make, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(  # repeats are mended elsewhere
        proposals, "unrepeated", lambda space, known, seed, draw: (0, dict(draw(0)))
    )
    wanted = in_one_study(make, 36, count)
    assert in_studies_of_its_own(make, 36, count) == wanted
    # NSGA-II finds the parents of a generation again, NSGA-III draws lots for them.
    lost = STUDY if make is nsga3 else ""
    assert in_studies_of_its_own(make, 36, count, lost) != wanted


def test_the_view_alone_decides() -> None:
    study = optuna.create_study(directions=["maximize"] * 3)
    study.set_user_attr("reference", [0.0, 0.0, 0.0])
    for _ in range(4):
        proposal = propose_point(view_of(study), TELLTALE[False])
        asked = begin_proposal(study, SPACE, proposal, {})
        study.tell(asked, values(asked.params, 3))
    view = view_of(study)
    before = repr(view)
    first = propose_point(view, TELLTALE[False])
    assert propose_point(view, TELLTALE[False]) == first
    assert repr(view) == before
    assert len(study.trials) == 4
    other = view_of(study, ahead=True)
    assert propose_point(other, TELLTALE[False]) != first


def test_what_a_sampler_is_told_of_the_run() -> None:
    study = optuna.create_study(directions=["maximize"] * 3)
    study.set_user_attr("reference", [0.1, 0.2, 0.3])
    study.set_user_attr("scales", [1.0, 2.0, 3.0])
    asks: list[Ask] = []
    seen: list[Any] = []

    class Curious(Telltale):
        def before_trial(self, study: Any, trial: Any) -> None:
            seen.append((study.user_attrs, trial.number))

    def make(ask: Ask) -> BaseSampler:
        asks.append(ask)
        return Curious(ask)

    view = view_of(study)
    propose_point(view, NamedSampler("mine", "", "", make))
    ask = asks[0]
    assert (ask.space, ask.seed, ask.finished, ask.number) == (SPACE, keyed_seed(0, 0), 0, 0)
    assert (ask.reference, ask.scales) == ([0.1, 0.2, 0.3], [1.0, 2.0, 3.0])
    assert ask.directions == directions(3)
    assert seen == [({"reference": [0.1, 0.2, 0.3], "scales": [1.0, 2.0, 3.0]}, 0)]


def test_a_distribution_for_every_dimension_the_same_as_is_suggested() -> None:
    study = optuna.create_study()
    asked = study.ask()
    suggest_point(asked, SPACE)
    assert space_distributions(SPACE) == asked.distributions


def test_proposing_keeps_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "optuna")  # pytest keeps what is logged
    study = optuna.create_study(directions=["maximize"] * 3)
    sampler = NamedSampler("nsga2", "", "", nsga2)
    for _ in range(16):
        proposal = propose_point(view_of(study), sampler)
        asked = begin_proposal(study, SPACE, proposal, {})
        study.tell(asked, values(asked.params, 3))
    view, sizes = view_of(study), []
    tracemalloc.start()
    try:
        for number in range(45):
            propose_point(view, sampler)
            if number in (14, 44):
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 20_000, "one study of the view is larger than that"
