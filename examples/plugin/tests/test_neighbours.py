"""The sampler keeps the laws of samplers, and stays near the front."""

import pytest
from optimerge_example.neighbours import SAMPLER

from optimerge.search.proposals import propose_point
from optimerge.search.samplers.named import NamedSampler
from optimerge.testing.sampler_cases import view
from optimerge.testing.sampler_laws import SamplerLaws


class TestNeighbours(SamplerLaws):
    @pytest.fixture
    def sampler(self) -> NamedSampler:
        return SAMPLER


def test_a_proposal_is_near_a_point_that_was_scored() -> None:
    now = view("numbers", "ccccc")
    found = propose_point(now, SAMPLER.having({"reach": 0.05}, "here")).params
    gaps = [max(abs(found[k] - t.params[k]) for k in ("a.weight", "b.weight")) for t in now.trials]
    assert min(gaps) <= 0.05 * 1.5
