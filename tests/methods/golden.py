"""Runs our kernels on mergekit's golden recipes, with the numbers that mergekit resolved."""

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from optimerge.merge.selection.exact import ExactSelection
from optimerge.methods.protocol import MergeMethod, TensorGroup
from optimerge.methods.registry import method_named

FOLDER = Path(__file__).parent.parent / "data" / "golden"


class Merged(NamedTuple):
    tensor: Tensor
    tied: Tensor
    """Where mergekit's unstable sort decides."""


class TieRecorder(ExactSelection):
    """Notes which entries are kept or dropped for no reason but the order of equal magnitudes.

    Entries of 0 are left out: whether they are kept changes nothing.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        self.tied: list[Tensor] = []

    def largest(self, index: int, delta: Tensor, keep: int) -> Tensor:
        return self._note(delta, super().largest(index, delta, keep))

    def band(self, index: int, delta: Tensor, drop_smallest: int, keep: int) -> Tensor:
        return self._note(delta, super().band(index, delta, drop_smallest, keep))

    def row_ranks(self, index: int, delta: Tensor) -> Tensor:
        ordered = delta.abs().float().view(-1, delta.shape[-1]).sort(dim=-1).values
        if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)).any():
            # Another mask gives another factor for the L1 norm: every entry of the tensor.
            self.tied.append(torch.ones_like(delta, dtype=torch.bool))
        return super().row_ranks(index, delta)

    def _note(self, delta: Tensor, mask: Tensor) -> Tensor:
        magnitude = delta.abs().float()
        if mask.any():
            for edge in (magnitude[mask].min(), magnitude[mask].max()):
                at_edge = magnitude == edge
                if edge > 0 and (at_edge & ~mask).any():
                    self.tied.append(at_edge)
        return mask


@cache
def _table(name: str) -> Any:
    path = FOLDER / name
    return json.loads(gzip.open(path).read() if name.endswith(".gz") else path.read_text())


@cache
def manifest() -> dict[str, Any]:
    return {f"{row['set']}/{row['name']}": row for row in _table("manifest.json")["rows"]}


def digests(recipe: str) -> dict[str, dict[str, str]]:
    return _table("digests.json.gz")[recipe]


def recipes(dtype: str) -> list[str]:
    """Name the recipes that can be merged tensor by tensor, without a change of vocabulary.

    Not among them: mergekit's infinities where weights sum to 0, which we refuse.
    """
    return [
        name
        for name, row in manifest().items()
        if row["set"] == dtype and row["error"] is None and row["name"] != "linear_zero_sum"
        if not any(tensor["permuted"] for tensor in _table("resolved.json.gz")[name]["tensors"])
    ]


@cache
def weights(path: str) -> dict[str, Tensor]:
    return load_file(FOLDER / path)


def wanted(recipe: str) -> dict[str, Tensor] | None:
    """Return mergekit's own output, if it is kept."""
    stored = manifest()[recipe]["stored"]
    return weights(stored) if stored else None


def digest(tensor: Tensor) -> str:
    data = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


@cache
def merge(recipe: str) -> dict[str, Merged]:
    """Merge a recipe as it should be; once for all tests."""
    return merge_anew(recipe)


def merge_anew(
    recipe: str,
    method: MergeMethod | None = None,
    selection: type[ExactSelection] = TieRecorder,
) -> dict[str, Merged]:
    """Merge every tensor of a recipe, in the order in which mergekit draws random numbers."""
    row = _table("resolved.json.gz")[recipe]
    kernel = method or method_named(row["method"])
    select = selection(torch.Generator().manual_seed(manifest()[recipe]["seed"]))
    ordered = sorted(row["tensors"], key=lambda t: max(i["tensor"] for i in t["inputs"]))
    return {t["name"]: _merge_one(row, t, kernel, select) for t in ordered}


def _merge_one(row: Any, tensor: Any, method: MergeMethod, select: ExactSelection) -> Merged:
    math = getattr(torch, row["dtype"])
    out = getattr(torch, row["out_dtype"] or row["dtype"])
    inputs = [
        (weights(f"{i['model']}/model.safetensors")[i["tensor"]].to(math), i)
        for i in tensor["inputs"]
    ]
    base = None
    if method.base != "ignored":
        base = next((x for x, i in inputs if i["base"]), None)
        inputs = [(x, i) for x, i in inputs if not i["base"]]
    numbers = tuple(i["numbers"] for _, i in inputs)
    select.tied = []  # harmless on other selections
    merged = method.kernel(
        TensorGroup(base, tuple(x for x, _ in inputs), numbers, tensor["shared"], select)
    )
    tied = torch.zeros_like(merged, dtype=torch.bool)
    for mask in select.tied:
        tied |= mask
    return Merged(merged.to(out), tied)
