"""The seven surfaces as search-space files, and the zoo that each is measured on.

The ranges are what a user would write who does not know the models: weights up to 1.5, densities
from nearly nothing to all, the same in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from optimerge.records.types import Direction
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace
from optimerge.zoo.config import DEFAULT, HARD, ZooConfig

WEIGHT: Mapping[str, Any] = MappingProxyType({"low": 0.0, "high": 1.5})
DENSITY: Mapping[str, Any] = MappingProxyType({"low": 0.05, "high": 1.0})
KINDS = ("q_proj", "v_proj", "mlp")
"""With the rest (k, o, norms, embeddings, head): four kinds of tensors. A filter is a part of a
name, so queries and keys cannot share one."""
NONZERO = "nonzero"


@dataclass(frozen=True)
class Definition:
    """A surface's space and zoo; `data` is the search-space file as plain data."""

    name: str
    zoo: ZooConfig
    data: Mapping[str, Any]
    summary: str

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that are objectives: all of the zoo's."""
        return self.zoo.tasks

    @cached_property
    def objectives(self) -> dict[str, Direction]:
        """Objective -> direction."""
        found: dict[str, Direction] = dict.fromkeys(self.tasks, "maximize")
        if any("sparsity" in spec for spec in self.data["objectives"]):
            found[NONZERO] = "minimize"
        return found

    def space(self, folder: Path | None = None) -> SearchSpace:
        """Return the space; `folder`: the zoo's, from where the models can be read."""
        return make_space(dict(self.data), (folder or Path()) / f"{self.name}.yaml")


def _space(
    zoo: ZooConfig, method: Any, expert: Mapping[str, Any], *, nonzero: bool, **shared: Any
) -> dict[str, Any]:
    tasks = [{"task": f"zoo_{task}", "name": task} for task in zoo.tasks]
    return {
        "merge_method": method,
        "base_model": "base",
        "models": [{"model": task, "parameters": _copy(expert)} for task in zoo.tasks],
        "parameters": {"normalize": False, **shared},
        "dtype": "float32",
        "objectives": [*tasks, *([{"sparsity": NONZERO}] if nonzero else [])],
        "include_path": "tasks",
    }


def _copy(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {k: dict(v) if isinstance(v, Mapping) else v for k, v in parameters.items()}


_DARE = {"weight": WEIGHT, "density": DENSITY}
_HALVES: Mapping[str, Any] = {"layer_groups": 2, "filters": ["self_attn"]}
_MIXED = ["task_arithmetic", "ties", "dare_ties", "della"]
_MIXED_EXPERT = {
    "weight": WEIGHT,
    "density": {"low": 0.1, "high": 0.9},  # della wants density +- epsilon inside of 0 to 1
    "epsilon": {"low": 0.01, "high": 0.09},
}
_BY_LAYER: Mapping[str, Any] = {"layer_groups": 6}
_SEED_1 = replace(DEFAULT, seed=1)


def _by_parts(expert: Mapping[str, Mapping[str, Any]], parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {**found, **parts} for name, found in expert.items()}


SURFACES: Mapping[str, Definition] = MappingProxyType(
    {
        definition.name: definition
        for definition in (
            Definition(
                "A6",
                DEFAULT,
                _space(DEFAULT, "dare_ties", _DARE, nonzero=True),
                "default zoo, dare_ties, a weight and a density an expert",
            ),
            Definition(
                "A24",
                DEFAULT,
                _space(DEFAULT, "dare_ties", _by_parts(_DARE, _HALVES), nonzero=True),
                "default zoo, dare_ties, by 2 groups of layers x (attention, rest)",
            ),
            Definition(
                "Amix",
                DEFAULT,
                _space(
                    DEFAULT,
                    {"choices": _MIXED},
                    _MIXED_EXPERT,
                    nonzero=True,
                    **{"lambda": {"low": 0.5, "high": 1.5}},
                ),
                "default zoo, one of four methods with its parameters",
            ),
            Definition(
                "A6s1",
                _SEED_1,
                _space(_SEED_1, "dare_ties", _DARE, nonzero=True),
                "as A6, a default zoo of another seed",
            ),
            Definition(
                "B8",
                HARD,
                _space(HARD, "dare_ties", _DARE, nonzero=False),
                "hard zoo, dare_ties, a weight and a density an expert",
            ),
            Definition(
                "B24",
                HARD,
                _space(
                    HARD,
                    "task_arithmetic",
                    _by_parts({"weight": WEIGHT}, _BY_LAYER),
                    nonzero=False,
                ),
                "hard zoo, task_arithmetic, a weight a layer and expert",
            ),
            Definition(
                "B96",
                HARD,
                _space(
                    HARD,
                    "task_arithmetic",
                    _by_parts({"weight": WEIGHT}, {**_BY_LAYER, "filters": list(KINDS)}),
                    nonzero=False,
                ),
                "hard zoo, task_arithmetic, a weight by layer, kind of tensor and expert",
            ),
        )
    }
)
"""All surfaces by name."""
