"""Search spaces of every method in every way of varying, and a seeded random point of each.

The models are those of `tests/data/golden_fuzz/models.py`. A road leads from a point of a space
to the resident model that is scored and to the recipe that is exported.
"""

import importlib.util
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import torch
import yaml

from optimerge.export.recipe import export_text
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.tensor import Mode
from optimerge.methods.protocol import MergeMethod, Parameter
from optimerge.methods.registry import all_methods, method_named
from optimerge.recipe.write import recipe_text
from optimerge.records.run import RunInfo
from optimerge.records.types import Score, Trial
from optimerge.search.models import open_models
from optimerge.search.session import Session
from optimerge.space.points import random_point
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace

SEED = 5
"""Of random masks, in every space."""
DATA = Path(__file__).parents[1] / "data"
ENDS: dict[str, Any] = {
    "weight": {"low": 0.1, "high": 1.0},
    "density": {"low": 0.3, "high": 0.8},
    "epsilon": {"low": 0.0, "high": 0.15},
    "gamma": {"low": 0.0, "high": 0.1},
    "t": {"low": 0.0, "high": 1.0},
    "lambda": {"low": 0.5, "high": 1.5},
    "select_topk": {"low": 0.2, "high": 1.0},
    "scale": {"low": 0.5, "high": 1.5},
    "consensus": {"choices": [1, 2]},
    "max_iter": {"choices": [1, 5, 10]},
    "tol": {"low": 1e-6, "high": 1e-4, "log": True},
    "eps": {"low": 1e-9, "high": 1e-7, "log": True},
}
WAYS: dict[str, dict[str, Any]] = {
    "whole": {},
    "groups": {"layer_groups": 2},
    "layers": {"layer_groups": "each"},
    "filters": {"filters": ["self_attn", "mlp"]},
    "both": {"layer_groups": 2, "filters": ["mlp"]},
    "auto": {"layer_groups": "auto"},
}
CALIBRATED = {name for name, method in all_methods().items() if method.statistics}
"""They need measured statistics; tests of their own are beside those of calibration."""
METHODS = [name for name in all_methods() if name not in CALIBRATED]


def models_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "golden_fuzz_models", DATA / "golden_fuzz" / "models.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_zoo(folder: Path) -> Path:
    """Write the models; return their folder."""
    models_module().make_models(folder)
    return folder


@cache
def spaces() -> dict[str, dict[str, Any]]:
    """Return every space by name, as plain data."""
    found = {
        f"{name}-{way}": _space(method_named(name), how)
        for name in METHODS
        for way, how in WAYS.items()
        if way == "whole" or _varies(method_named(name))
    }
    found |= {f"{name}-gradient": _gradient(name) for name in ("ties", "dare_linear", "della")}
    found |= {f"{name}-deep": _deep(found[f"{name}-both"]) for name in ("dare_ties", "breadcrumbs")}
    found |= {f"conditional-{n}": _conditional(names) for n, names in enumerate(_alike())}
    return found | _slices()


def _varies(method: MergeMethod) -> bool:
    return any(p.kind == "real" and p.name in ENDS for p in method.parameters)


def _space(method: MergeMethod, how: Mapping[str, Any], family: str = "plain") -> dict[str, Any]:
    count = min(method.most_inputs or 3, 3)
    models = ["e1", "e2", "e3"][:count]
    if method.base == "ignored" and count > 1:
        models = ["base", *models]  # mergekit takes a base that is not listed for one more model
    per_input = {p.name: _range(p, how) for p in method.per_input if _searched(p)}
    data: dict[str, Any] = {
        "merge_method": method.name,
        "base_model": f"{family}-{'base' if count > 1 or method.base != 'ignored' else 'e1'}",
        "models": [
            {"model": f"{family}-{name}", **({"parameters": per_input} if per_input else {})}
            for name in models
        ],
        "dtype": "float32",
        **REST,
    }
    if shared := {p.name: _range(p, how) for p in method.shared if _searched(p)}:
        data["parameters"] = shared
    return data


REST: dict[str, Any] = {
    "objectives": [{"task": "none"}],
    "search": {"trials": 1, "seed": SEED},
}


def _searched(parameter: Parameter) -> bool:
    return parameter.name != "int8_mask" and (
        parameter.kind == "boolean" or parameter.name in ENDS or parameter.usual is not None
    )


def _range(parameter: Parameter, how: Mapping[str, Any]) -> dict[str, Any]:
    if parameter.kind == "boolean":
        return {"choices": [True, False]}
    low, high = parameter.usual or (0.0, 1.0)
    found = dict(ENDS.get(parameter.name, {"low": low, "high": high}))
    return found | (dict(how) if parameter.kind == "real" else {})


def _gradient(name: str) -> dict[str, Any]:
    """Return a space whose fixed part has gradients, plain and filtered, beside a range."""
    data = _space(method_named(name), {})
    data["models"][0]["parameters"]["weight"] = [0.9, 0.2, 0.4, 0.7]
    data["models"][1]["parameters"]["density"] = [
        {"filter": "self_attn", "value": [0.3, 0.7]},
        {"value": 0.5},
    ]
    return data


def _deep(data: dict[str, Any]) -> dict[str, Any]:
    """Return the space over models of twelve layers, whose names sort otherwise than they run."""
    return cast("dict[str, Any]", yaml.safe_load(yaml.safe_dump(data).replace("plain-", "deep-")))


def _alike() -> Iterator[list[str]]:
    """Yield the methods that can stand in one space, those with a base alone and those beside."""
    methods = [method_named(name) for name in METHODS]
    many = [m for m in methods if m.most_inputs is None and m.base != "ignored"]
    yield [m.name for m in many if m.stochastic or m.name == "ties"]
    yield [m.name for m in many if not m.stochastic]
    yield [m.name for m in methods if m.most_inputs == 1 and m.base == "required"]


def _conditional(names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        data = _space(method_named(name), WAYS["groups"])
        found = found or data
        for mine, theirs in zip(found["models"], data["models"], strict=True):
            if "parameters" in theirs:
                mine["parameters"] = {**theirs["parameters"], **mine.get("parameters", {})}
        if "parameters" in data:
            found["parameters"] = {**data["parameters"], **found.get("parameters", {})}
    return found | {"merge_method": {"choices": names}}


def _slices() -> dict[str, dict[str, Any]]:
    plain = {"dtype": "float32", **REST}
    sources = [
        {"model": "plain-e1", "parameters": {"weight": {"low": 0.0, "high": 1.0}}},
        {
            "model": "plain-e2",
            "parameters": {"weight": {"low": 0.0, "high": 1.0, "layer_groups": 2}},
        },
        {"model": "plain-base"},
    ]
    ties = {
        "merge_method": "ties",
        "base_model": "plain-base",
        "slices": [
            {"layer_range": [0, {"low": 2, "high": 3}], "sources": sources},
            {
                "sources": [
                    {
                        "model": {"choices": ["plain-e3", "plain-e1"]},
                        "layer_range": [{"low": 1, "high": 2}, 3],
                        "parameters": {"weight": 0.5},
                    }
                ]
            },
        ],
    }
    return {
        "slices-ties": ties | plain,
        "slices-dare_ties": ties | plain | {"merge_method": "dare_ties"},
        "map-passthrough": {
            "layer_map": {"models": ["plain-e1", "plain-e2"], "layers": 3, "repeats": 2},
            **REST,
        },
        "scaled-passthrough": {
            "merge_method": "passthrough",
            "slices": [
                {"sources": [{"model": "plain-e1", "layer_range": [0, {"low": 1, "high": 3}]}]},
                {
                    "use": {"choices": [False, True]},
                    "sources": [
                        {
                            "model": "plain-e2",
                            "layer_range": [1, 3],
                            "parameters": {"scale": {"low": 0.5, "high": 1.0}},
                        }
                    ],
                },
            ],
            **plain,
        },
    }


@dataclass
class Road:
    """One space with its models opened, and a random point of it."""

    name: str
    zoo: Path
    mode: Mode
    engines: dict[Any, Engine] = field(default_factory=dict)
    """Kept for other spaces of the same models."""

    @cached_property
    def space(self) -> SearchSpace:
        data = spaces()[self.name]
        search = {**data["search"], "exact": self.mode == "exact"}
        made = make_space(data | {"search": search}, self.zoo / "space.yaml")
        return open_models(made).space

    @cached_property
    def session(self) -> Session:
        models = open_models(self.space)
        key = (tuple(c.reference for c in models.checkpoints), models.layers, self.mode)
        if key not in self.engines:
            self.engines[key] = load_engine(
                models.checkpoints, mode=self.mode, seed=SEED, layers=models.layers
            )
        nothing = cast(Any, None)
        return Session(models.space, models, self.engines[key], nothing, nothing)

    def point(self, number: int = 0) -> dict[str, Any]:
        return random_point(self.space, random.Random(f"{self.name} {number}"))

    def walk(self, number: int = 0) -> tuple[dict[str, torch.Tensor], str]:
        """Return the resident tensors of a point when it is scored, and the exported recipe."""
        params = self.point(number)
        recipe = self.session.recipe(params)
        self.session.engine.apply(recipe)
        text = recipe_text(self.session.stored(recipe))
        score = Score(0.5, 0.1, 25, "maximize", 1.0)
        trial = Trial(number, "complete", "sampler", params, text, {"none": score})
        info = RunInfo("", "space.yaml", "", {"none": "maximize"}, 3, SEED, self.mode == "exact")
        run: Any = SimpleNamespace(name="road", folder=Path("runs/road"), info=info)
        return held(self.session.engine), export_text(run, trial, "random")


def held(engine: Engine) -> dict[str, torch.Tensor]:
    """Return a copy of what the resident model holds, by the checkpoint's names."""
    return {name: tensor.clone() for name, tensor in engine.tensors()}


def for_mergekit(text: str, zoo: Path) -> dict[str, Any] | None:
    """Return an exported recipe without what mergekit ignores, models by name; None: it cannot."""
    recipe = yaml.safe_load(text.replace(f"{zoo.resolve()}/", ""))
    recipe.pop("optimerge")
    return recipe if method_named(recipe["merge_method"]).mergekit else None
