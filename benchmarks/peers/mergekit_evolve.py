"""CMA-ES on the sum of the task scores, as mergekit-evolve searches.

mergekit/evo/genome.py and scripts/evolve.py there: start at weights 1 / n and densities 1, sigma
1/6, `cma`'s default population, no bounds; absolute values are taken of weights and densities, and
densities cut at 1. Here every value is also cut to its range, since the surface has no other.
What mergekit-evolve does not search has steps in units of its range and starts in the middle;
names (methods) stay at the first choice. It sees task scores only: no sparsity, no noise.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from optimerge.records.types import Direction
from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

SIGMA = 1 / 6
ABSOLUTE = ("weight", "density")
"""In their own units, and by absolute value; the rest in units of their range."""


class MergekitEvolve(BaseSampler):
    """Asks for a population, tells it when all of it is scored; holds its state in memory.

    Of points that it did not propose (a shared start) it takes the best as the mean to start at.
    A failed merge counts as the worst sum so far.
    """

    def __init__(self, space: SearchSpace, directions: Mapping[str, Direction], seed: int) -> None:
        self._tasks = [i for i, d in enumerate(directions.values()) if d == "maximize"]
        method = space.methods[0]
        self._dimensions = [
            d for d in space.active(method) if d.name != "merge_method" and d.range.choices is None
        ]
        self._names = {"merge_method": method}
        self._experts = len(space.template["models"])
        self._seed = seed
        self._cma: CMA | None = None
        self._asked: dict[int, NDArray[np.float64]] = {}
        self._scored: list[tuple[NDArray[np.float64], float]] = []
        self._told: list[float] = []

    def infer_relative_search_space(
        self, study: "Study", trial: "FrozenTrial"
    ) -> "dict[str, BaseDistribution]":
        """Return nothing: all is sampled through `sample_independent`."""
        return {}

    def sample_relative(
        self, study: "Study", trial: "FrozenTrial", search_space: "dict[str, BaseDistribution]"
    ) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def sample_independent(
        self,
        study: "Study",
        trial: "FrozenTrial",
        param_name: str,
        param_distribution: "BaseDistribution",
    ) -> Any:
        """Return the candidate's value; the candidate is drawn at the trial's first one."""
        for place, dimension in enumerate(self._dimensions):
            if dimension.name == param_name:
                if trial.number not in self._asked:
                    if self._cma is None:
                        self._cma = self._start(study)
                    self._asked[trial.number] = self._cma.ask()
                return self._value(dimension, float(self._asked[trial.number][place]))
        if param_name in self._names:
            return self._names[param_name]
        return param_distribution.choices[0]  # type: ignore[attr-defined]  # only categorical ones have choices

    def after_trial(
        self,
        study: "Study",
        trial: "FrozenTrial",
        state: "TrialState",
        values: Sequence[float] | None,
    ) -> None:
        """Take a candidate's sum; tell the population when it is complete."""
        if trial.number not in self._asked:
            return
        asked = self._asked.pop(trial.number)
        loss = self._loss(values) if state is TrialState.COMPLETE and values else None
        self._told.append(max(self._told, default=0.0) if loss is None else loss)
        self._scored.append((asked, self._told[-1]))
        if self._cma is not None and len(self._scored) == self._cma.population_size:
            self._cma.tell(self._scored)
            self._scored = []

    def _start(self, study: "Study") -> CMA:
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if done:
            params: Mapping[str, Param] = min(done, key=lambda t: self._loss(t.values)).params
        else:
            params = {}
        mean = [self._coordinate(d, params.get(d.name)) for d in self._dimensions]
        # cma's own default, 4 + 3 ln d
        return CMA(mean=np.array(mean), sigma=SIGMA, seed=self._seed)

    def _loss(self, values: Sequence[float]) -> float:
        return -sum(values[i] for i in self._tasks)

    def _coordinate(self, dimension: Dimension, value: Param | None) -> float:
        low, high = float(dimension.range.low or 0.0), float(dimension.range.high or 0.0)
        name = _parameter(dimension)
        if name in ABSOLUTE:
            start = 1 / self._experts if name == "weight" else 1.0
            return start if value is None else float(value)
        return 0.5 if value is None else (float(value) - low) / ((high - low) or 1.0)

    @staticmethod
    def _value(dimension: Dimension, coordinate: float) -> float | int:
        low, high = float(dimension.range.low or 0.0), float(dimension.range.high or 0.0)
        absolute = _parameter(dimension) in ABSOLUTE
        value = abs(coordinate) if absolute else low + coordinate * (high - low)
        value = min(max(value, low), high)
        if step := dimension.range.step:
            value = low + step * round((value - low) / step)
        return round(value) if dimension.kind == "integer" else value


def _parameter(dimension: Dimension) -> str:
    return str(dimension.site[dimension.site.index("parameters") + 1])
