"""`mmmo` passes Optuna's own suites for samplers."""

from collections.abc import Callable

import pytest
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from optimerge.search.samplers.mmmo.sampler import MMMOSampler


class TestMended(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], MMMOSampler]:
        return lambda: MMMOSampler(startup=0)


@pytest.mark.slow
class TestARoundAnAsk(BasicSamplerTestCase, RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], MMMOSampler]:
        return lambda: MMMOSampler(startup=0, kept=1)


@pytest.mark.slow
class TestAsReleased(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], MMMOSampler]:
        return lambda: MMMOSampler(startup=0, as_released=True)
