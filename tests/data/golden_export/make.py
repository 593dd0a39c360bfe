"""Builds recipes with the real mergekit 0.1.5 and writes digests: run by a Python that has it.

    python tests/data/golden_export/make.py MODELS RECIPES DIGESTS [TENSORS]

MODELS: folder of the models of `../golden_fuzz/models.py`, written if it is not there; RECIPES:
a file as `make_recipes.py` writes; DIGESTS: by recipe and tensor the digest that is written;
TENSORS: folder for the merged files, if they are wanted. Without arguments, those beside this file
are made. mergekit runs with torch's sorts made stable: see `../golden/make_digests.py`.
"""

import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from safetensors.torch import load_file

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "golden_fuzz")]
from golden.make_digests import digest, stable_sorts  # noqa: E402
from models import make_models  # noqa: E402

SEED = 5


def main(models: Path, recipes: Path, digests: Path, kept: Path | None = None) -> None:
    """Merge every recipe."""
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    if not models.exists():
        make_models(models)
    found = {}
    for name, recipe in json.loads(recipes.read_text()).items():
        with tempfile.TemporaryDirectory() as out:
            config = MergeConfiguration.model_validate(placed(recipe, models))
            options = MergeOptions(
                random_seed=SEED, copy_tokenizer=False, write_model_card=False, quiet=True
            )
            with stable_sorts():
                run_merge(config, out, options)
            file = Path(out) / "model.safetensors"
            found[name] = {k: digest(t) for k, t in sorted(load_file(file).items())}
            if kept is not None:
                kept.mkdir(exist_ok=True)
                shutil.copy(file, kept / f"{name}.safetensors")
    lines = (f"{json.dumps(name)}: {json.dumps(each)}" for name, each in found.items())
    digests.write_text("{\n" + ",\n".join(lines) + "\n}\n")


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
    if len(sys.argv) > 1:
        main(*map(Path, sys.argv[1:]))
    else:
        with tempfile.TemporaryDirectory() as place:
            main(Path(place) / "models", HERE / "recipes.json", HERE / "digests.json")
