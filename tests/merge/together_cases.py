"""Back ends that take a whole candidate at once, engines with a given back end, and recipes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.merge.change import Change
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.kernels.many import Job, Sum
from optimerge.merge.kernels.program import Kernels
from optimerge.merge.kernels.reference import TorchKernels
from optimerge.merge.rounding import make_rounding
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe

METHODS = ("linear", "task_arithmetic", "ties", "dare_ties", "della", "breadcrumbs")
DENSE = METHODS[2:]
STEPS = "optimerge: {task_vectors: int8, seed: 3}\n"


class Many(TorchKernels):
    """The reference for all tensors at once, and what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.merges: list[list[Job]] = []
        self.norms_of: list[list[Sum]] = []

    def merge_many(self, jobs: Iterable[Job]) -> list[Change | None]:
        self.merges.append(list(jobs))
        return [self.merge(j.program, j.base, j.sources, j.out, j.start) for j in self.merges[-1]]

    def norms_many(self, sums: Sequence[Sum]) -> list[tuple[int, int]]:
        self.norms_of.append(list(sums))
        return [self.norms(s.keep, s.base, s.source, s.unit, s.start) for s in sums]


def engine_on(kernels: Kernels, folder: Path, names: Sequence[str], **options: Any) -> Engine:
    """Return an engine with that back end; `steps`: experts in int8 steps."""
    models = [open_checkpoint(name, folder) for name in names]
    if options.pop("steps", False):
        by_name = {model.reference: model for model in models}
        wanted = parse_recipe(text_of("ties", STEPS))
        options["rounding"] = make_rounding(wanted, by_name, "fast", "space")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optimerge.merge.engine.kernels_for", lambda _: kernels)
        return load_engine(models, seed=3, **options)


def text_of(method: str, more: str = "", red: Any = 0.7, blue: Any = 0.4, out: str = "") -> str:
    """Return a recipe's text; a weight may be filters and values, by filter."""
    lines = [f"merge_method: {method}", "dtype: float32"]
    lines += [] if method == "linear" else ["base_model: base"]
    lines += [f"out_dtype: {out}"] if out else []
    lines += ["models:"]
    rest = ", density: 0.6" if method in DENSE else ""
    for name, weight in (("red", red), ("blue", blue)):
        given = weight
        if isinstance(weight, dict):
            pairs = [f"{{filter: {k}, value: {v}}}" for k, v in weight.items()]
            given = f"[{', '.join(pairs)}, {{value: 0.5}}]"
        lines.append(f"- {{model: {name}, parameters: {{weight: {given}{rest}}}}}")
    return "\n".join(lines) + "\n" + more


def recipe(method: str, more: str = "", red: Any = 0.7, blue: Any = 0.4, out: str = "") -> Recipe:
    return parse_recipe(text_of(method, more, red, blue, out))


def differences(one: Engine, other: Engine) -> list[str]:
    """Return the tensors in which two resident models differ."""
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    assert ours.keys() == theirs.keys()
    return [name for name in ours if not torch.equal(ours[name], theirs[name])]
