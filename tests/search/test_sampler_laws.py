"""Every sampler that has a name keeps the laws of samplers; some in the slow tests."""

import pytest

from optimerge.search.samplers.registry import SAMPLERS, NamedSampler
from optimerge.testing.sampler_laws import ORDINARY, SamplerLaws

FAST = ("auto", "mmmo", "random", "tpe")
OTHERS = sorted(set(SAMPLERS) - set(FAST))
LAWS = SamplerLaws()


class TestSamplers(SamplerLaws):
    @pytest.fixture(params=[*FAST, *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)])
    def sampler(self, request: pytest.FixtureRequest) -> NamedSampler:
        return SAMPLERS[request.param]


@pytest.mark.parametrize("name", OTHERS)
def test_every_sampler_proposes_points_of_a_mixed_space(name: str) -> None:
    LAWS.test_proposes_points_of_the_space(SAMPLERS[name], "mixed", ORDINARY)
    LAWS.test_says_what_it_is(SAMPLERS[name])
