"""Every sampler that has a name keeps the laws of samplers."""

import pytest

from optimerge.search.samplers.registry import SAMPLERS, NamedSampler
from optimerge.testing.sampler_laws import SamplerLaws


class TestSamplers(SamplerLaws):
    @pytest.fixture(params=sorted(SAMPLERS))
    def sampler(self, request: pytest.FixtureRequest) -> NamedSampler:
        return SAMPLERS[request.param]
