"""Writes digests.json.gz: what the real mergekit merges from each recipe, as digests per tensor.

Needs an environment with mergekit 0.1.5 (never a dependency of optimerge), and this folder:

    python tests/data/golden/make_digests.py             # writes beside this file

Per recipe (key: "bf16/ties_d50") two tables, output tensor -> digest of its bytes:
`plain` from mergekit as it is, and `stable` from mergekit with torch's argsort, sort and topk
made stable. mergekit leaves the order of equal magnitudes to an unstable sort, so `stable` is
what a rule ("lowest index first") can be held to, and `plain` holds where nothing is tied.
Results that mergekit writes in a wider dtype than the recipe's are rounded to it first.
The digests of float32 results depend a little on the processor; tests use those of bfloat16.
"""

import gzip
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import yaml
from safetensors.torch import load_file

FOLDER = Path(__file__).resolve().parent
OUTPUT = FOLDER / "digests.json.gz"


def digest(tensor: torch.Tensor) -> str:
    """Return a short digest of a tensor's bytes."""
    return hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()[:16]


@contextmanager
def stable_sorts() -> Iterator[None]:
    """Make torch's sorts put equal values in the order of their indices."""
    sort = torch.sort

    def argsort(x: torch.Tensor, dim: int = -1, descending: bool = False) -> torch.Tensor:
        return sort(x, stable=True, dim=dim, descending=descending).indices

    def sorted_(x: torch.Tensor, dim: int = -1, descending: bool = False) -> Any:
        return sort(x, stable=True, dim=dim, descending=descending)

    def topk(x: torch.Tensor, k: int, largest: bool = True) -> Any:
        order = sort(x, stable=True, descending=largest)
        return order.values[:k], order.indices[:k]

    with (
        mock.patch("torch.argsort", argsort),
        mock.patch("torch.sort", sorted_),
        mock.patch("torch.topk", topk),
    ):
        yield


def merge(recipe: Path, seed: int) -> dict[str, str]:
    """Run mergekit on a recipe and return the digests of what it wrote."""
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    settings = yaml.safe_load(recipe.read_text())
    dtype = getattr(torch, settings.get("out_dtype") or settings.get("dtype") or "float32")
    options = MergeOptions(
        random_seed=seed, copy_tokenizer=False, write_model_card=False, quiet=True
    )
    with tempfile.TemporaryDirectory() as folder:
        run_merge(MergeConfiguration.model_validate(settings), folder, options)
        tensors = load_file(Path(folder) / "model.safetensors")
    return {name: digest(tensor.to(dtype)) for name, tensor in sorted(tensors.items())}


def main() -> None:
    """Write the file."""
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    os.chdir(FOLDER)  # recipes name the models relative to this folder
    found = {}
    for row in json.loads((FOLDER / "manifest.json").read_text())["rows"]:
        if row["error"] is None and not row["unstable_between_runs"]:
            plain = merge(FOLDER / row["recipe"], row["seed"])
            with stable_sorts():
                stable = merge(FOLDER / row["recipe"], row["seed"])
            found[f"{row['set']}/{row['name']}"] = {"plain": plain, "stable": stable}
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    OUTPUT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
