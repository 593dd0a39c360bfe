"""Records what mergekit 0.1.5 makes of `recipes.yml`: run by a Python that has mergekit.

    python tests/data/golden_fuzz/make.py

Writes digests.json: by recipe the digest of all tensors, names and bytes. mergekit runs with
torch's sorts made stable, as in `../golden/make_digests.py`; results that it writes in a wider
type than the recipe's `out_dtype` or `dtype` are rounded to that first. The recipes are random:
a script drew some thousands (method, models or slices or modules, filters, gradients, texts for
numbers, types, bases, repeated and shifted layers), and of those that mergekit merges to finite
bfloat16 or float16 tensors, four a method were kept; a few are added by hand.
"""

import hashlib
import json
import logging
import sys
import tempfile
from pathlib import Path

import torch
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from models import make_models
from safetensors.torch import load_file

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))
from golden.make_digests import stable_sorts  # noqa: E402

SEED = 77


def digest(tensors: dict[str, torch.Tensor]) -> str:
    """Return a short digest of names, types and bytes."""
    whole = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        whole.update(tensor.view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()[:16]


def main() -> None:
    """Merge every recipe."""
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    recipes = yaml.safe_load((HERE / "recipes.yml").read_text())
    found = {}
    with tempfile.TemporaryDirectory() as place:
        make_models(Path(place))
        for name, recipe in recipes.items():
            out = Path(place) / f"out-{name}"
            config = MergeConfiguration.model_validate(placed(recipe, Path(place)))
            options = MergeOptions(
                random_seed=SEED, copy_tokenizer=False, write_model_card=False, quiet=True
            )
            with stable_sorts():
                run_merge(config, str(out), options)
            merged = load_file(out / "model.safetensors")
            said = recipe.get("out_dtype") or recipe.get("dtype")
            if said:
                merged = {k: t.to(getattr(torch, said)) for k, t in merged.items()}
            found[name] = digest(merged)
    (HERE / "digests.json").write_text(json.dumps(found, indent=0) + "\n")


def placed(data: object, folder: Path) -> object:
    """Return a recipe with the names of the models replaced by their folders."""
    if isinstance(data, list):
        return [placed(part, folder) for part in data]
    if not isinstance(data, dict):
        return data
    return {
        key: str(folder / value) if key in ("model", "base_model") else placed(value, folder)
        for key, value in data.items()
    }


if __name__ == "__main__":
    main()
