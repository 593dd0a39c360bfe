"""The laws of samplers, as a pytest class to inherit; for plug-in authors too.

    from optimerge.testing.sampler_laws import SamplerLaws

    class TestMine(SamplerLaws):
        @pytest.fixture
        def sampler(self) -> NamedSampler:
            return SAMPLER

All proposals are made as a search makes them (`optimerge.search.proposals.propose_point`), which
keeps any sampler from repeating a point; a sampler that needs that all the time breaks a law too.
"""

import json
import math
import random
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from optimerge.search.proposals import Proposal, propose_point
from optimerge.search.samplers.named import Ask, NamedSampler
from optimerge.search.samplers.unrepeated import SpaceUsedUpError
from optimerge.space.points import key_of, size
from optimerge.testing.processes import heavy_imports
from optimerge.testing.sampler_cases import (
    Score,
    continued,
    elsewhere,
    outside,
    space_named,
    told,
    trial,
    view,
)

ORDINARY = "cfcccpcccnccccr"
"""Eleven complete trials, more than samplers take to warm up, and one of every other kind."""
WORDS = ("f", "ffffffffffff", "c", "ffcfff", "pppppppppp", "rr", "nfprnfprnfpr")
SCORES: dict[str, Score] = {
    "all equal": lambda height, objective, trial: 0.5,
    "all zero": lambda height, objective, trial: 0.0,
    "one objective constant": lambda height, objective, trial: height if objective else 1.0,
    "huge": lambda height, objective, trial: 1e100 * height,
    "tiny": lambda height, objective, trial: 1e-100 * height,
    "negative": lambda height, objective, trial: -1e6 - height,
    "one huge outlier": lambda height, objective, trial: 1e30 if trial == 4 else height,
    "two values": lambda height, objective, trial: float(trial % 2),
}


class SamplerLaws:
    """What every sampler must keep to; give the fixture `sampler`."""

    @pytest.fixture
    def sampler(self) -> NamedSampler:
        """Return the sampler to judge."""
        raise NotImplementedError("give SamplerLaws a fixture `sampler`")

    @pytest.mark.parametrize("word", ["", ORDINARY])
    @pytest.mark.parametrize(
        "space", ["mixed", "numbers", "layers", "one objective", "six objectives", "bounded"]
    )
    def test_proposes_points_of_the_space(
        self, sampler: NamedSampler, space: str, word: str
    ) -> None:
        """Bounds, steps, choices, integers; the dimensions of the point's method and no others."""
        if len(space_named(space).optimized) > (sampler.most_objectives or math.inf):
            return
        now, proposal = view(space, word), _first(sampler, space, word)
        assert not outside(now.space, proposal.params)
        assert now.space.recipe(proposal.params, layers=32)
        assert json.loads(json.dumps(dict(proposal.attributes))) == dict(proposal.attributes)

    def test_the_same_view_gives_the_same_proposal_in_another_process(
        self, sampler: NamedSampler
    ) -> None:
        """With another hash seed; so a run goes on after a stop as it would have without."""
        asked = (("mixed", ORDINARY), ("numbers", ORDINARY), ("small", "cc"))
        views = [view(*each) for each in asked]
        found = [_first(sampler, *each) for each in asked]
        plain_data = [[dict(each.params), dict(each.attributes)] for each in found]
        assert elsewhere(sampler, views) == json.loads(json.dumps(plain_data))

    @pytest.mark.parametrize("word", ["", "cc"])
    def test_another_seed_gives_another_proposal(self, sampler: NamedSampler, word: str) -> None:
        """At the start, where little is known: a model may be sure of one best point later on."""
        found = [_first(sampler, "numbers", word, seed) for seed in range(3)]
        assert len({key_of(space_named("numbers"), each.params) for each in found}) > 1

    @pytest.mark.parametrize("word", WORDS)
    def test_proposes_whatever_became_of_earlier_trials(
        self, sampler: NamedSampler, word: str
    ) -> None:
        """Failed, stopped, running ones, scores that are no numbers, alone and mixed."""
        assert not outside(space_named("numbers"), _first(sampler, "numbers", word).params)

    @pytest.mark.parametrize("name", sorted(SCORES))
    def test_proposes_whatever_the_values_are(self, sampler: NamedSampler, name: str) -> None:
        """Equal, huge, tiny, negative, constant in one objective."""
        now = view("numbers", "c" * 11, SCORES[name])
        assert not outside(now.space, propose_point(now, sampler).params)

    @pytest.mark.parametrize("word", ["c" * 11, ORDINARY])
    @pytest.mark.parametrize("values", [0.0, 0.5, 1.0])
    def test_proposes_whatever_constraints_are_broken(
        self, sampler: NamedSampler, word: str, values: float
    ) -> None:
        """One by all, some, the other by all; every completed trial has both, no other has any."""
        now = view("bounded", word, lambda height, objective, trial: values + 0.1 * height)
        assert all(bool(t.constraints) == t.state.name.startswith("C") for t in now.trials)
        assert not outside(now.space, propose_point(now, sampler).params)

    def test_repeats_no_point_until_a_finite_space_is_used_up(self, sampler: NamedSampler) -> None:
        """Then it says so."""
        now = view("small", "rf")
        count = int(size(now.space)) - len({key_of(now.space, t.params) for t in now.trials})
        for _ in range(count):
            known = {key_of(now.space, t.params) for t in now.trials}
            proposal = propose_point(now, sampler)
            assert not outside(now.space, proposal.params)
            assert key_of(now.space, proposal.params) not in known
            now = told(now, proposal)
        with pytest.raises(SpaceUsedUpError, match="all 12 points of the space have been tried"):
            propose_point(now, sampler)

    def test_repeats_no_corner(self, sampler: NamedSampler) -> None:
        """The best corner of a continuous space is known already."""
        now = view("one number")
        for index, weight in enumerate((1.0, 0.0, 0.5, 0.25, 0.75, 0.1, 0.9, 0.3, 0.8, 0.6, 0.99)):
            done = trial(now.space, now.directions, index, {"a.weight": weight}, "c", _rising)
            now = replace(now, trials=(*now.trials, done), number=index + 1)
        for proposal in continued(sampler, now, 2, _rising):
            assert all(proposal.params != t.params for t in now.trials)

    def test_seldom_proposes_what_is_known(self, sampler: NamedSampler) -> None:
        """In a wide space its own proposals differ; one of three may have to be replaced."""
        made = 0

        def counting(ask: Ask) -> Any:
            nonlocal made
            made += 1
            return sampler.make(ask)

        continued(replace(sampler, make=counting), view("numbers", ORDINARY), 3)
        assert made <= 3 + 4

    def test_a_space_of_one_point_has_one_proposal(self, sampler: NamedSampler) -> None:
        """And then none."""
        now = view("one point")
        proposal = propose_point(now, sampler)
        assert proposal.params == {"a.weight": 0.5}
        with pytest.raises(SpaceUsedUpError, match="the one point of the space has been tried"):
            propose_point(told(now, proposal), sampler)

    def test_goes_on_from_its_own_records(self, sampler: NamedSampler) -> None:
        """Of trials with its marks; each proposal is another one and lies in the space."""
        start = view("numbers", "cc")
        found = continued(sampler, start, 4)
        assert len({key_of(start.space, each.params) for each in found}) == len(found)
        assert not any(outside(start.space, each.params) for each in found)

    def test_leaves_the_global_random_state_alone(self, sampler: NamedSampler) -> None:
        """Nobody else's random numbers change because a point was proposed."""
        now = view("numbers", ORDINARY)
        before = random.getstate(), repr(np.random.get_state())
        propose_point(now, sampler)
        assert (random.getstate(), repr(np.random.get_state())) == before

    def test_says_what_it_is(self, sampler: NamedSampler) -> None:
        """A reader finds what the sampler does, and what each option means."""
        assert sampler.name
        assert sampler.summary
        assert all(option.help for option in sampler.options)
        defaults = {option.name: option.default for option in sampler.options}
        assert sampler.having(defaults, "laws").name == sampler.name

    def test_importing_it_does_not_import_optuna_numpy_or_torch(
        self, sampler: NamedSampler
    ) -> None:
        """Listing samplers is quick."""
        assert heavy_imports(getattr(sampler.make, "func", sampler.make).__module__) == set()


def _rising(height: float, objective: int, trial: int) -> float:
    return height


@cache
def _first(sampler: NamedSampler, space: str, word: str, seed: int = 0) -> Proposal:
    """Return a sampler's proposal in a view; made once, as several laws look at it."""
    return propose_point(view(space, word, seed=seed), sampler)
