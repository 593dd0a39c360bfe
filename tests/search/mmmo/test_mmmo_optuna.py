"""`mmmo` passes Optuna's own suites for samplers."""

from collections.abc import Callable

import pytest

from optimerge.search.samplers.mmmo.sampler import MMMOSampler
from optimerge.testing.optuna_suite import OptunaSuite

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


class TestMended(OptunaSuite):
    @pytest.fixture
    def sampler(self) -> Callable[[], MMMOSampler]:
        return lambda: MMMOSampler(startup=0)


@pytest.mark.slow
class TestARoundAnAsk(OptunaSuite):
    test_asks_and_tells = None  # type: ignore[assignment]  # a minute; TestMended's is the same

    @pytest.fixture
    def sampler(self) -> Callable[[], MMMOSampler]:
        return lambda: MMMOSampler(startup=0, kept=1)


@pytest.mark.slow
class TestAsReleased(OptunaSuite):
    @pytest.fixture
    def sampler(self) -> Callable[[], MMMOSampler]:
        return lambda: MMMOSampler(startup=0, as_released=True)
