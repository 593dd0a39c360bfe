"""Our own sampler classes pass Optuna's tests of samplers."""

import pytest

from optimerge.search.samplers.mean_cmaes import MeanCmaEsSampler
from optimerge.search.samplers.sobol import SobolSampler
from optimerge.testing.optuna_suite import OptunaSuite

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


class TestSobol(OptunaSuite):
    sampler = pytest.fixture(lambda self: lambda: SobolSampler(0))


class TestMeanCmaEs(OptunaSuite):
    sampler = pytest.fixture(lambda self: lambda: MeanCmaEsSampler(0))
