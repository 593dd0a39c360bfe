"""Writes resolved.json.gz: what the real mergekit resolved for each tensor of each recipe.

Needs an environment with mergekit 0.1.5 (never a dependency of optimerge), and this folder:

    python tests/data/golden/make_resolved.py            # writes beside this file
    python tests/data/golden/make_resolved.py --check    # exit 1 if the file is out of date

Per recipe (key: "f32/ties_d50") either {"error": ...} or the dtypes and a list of tensors in
output order: output name, shared parameters, and the inputs in merge order, each with model as
in the recipe, tensor name, whether it is the base, and its parameters. Inputs without the
tensor are left out; `permuted` says that rows are put into another vocabulary first.
The bytes are the same in every run.
"""

import gzip
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
OUTPUT = FOLDER / "resolved.json.gz"


def tensor_row(weight: Any, task: Any, present: Any) -> dict[str, Any]:
    """Describe the merge of one output tensor."""
    gather = getattr(task.gather_tensors, "gather_tensors", task.gather_tensors)
    return {
        "name": weight.name,
        "permuted": gather is not task.gather_tensors,
        "shared": dict(task.parameters.items()),
        "inputs": [
            {
                "model": str(model),
                "tensor": gather.weight_info[model].name,
                "base": model == task.base_model,
                "numbers": dict(task.input_parameters[model].items()),
            }
            for model in task.model_order
            if present(model, gather.weight_info[model])
        ],
    }


def resolve(recipe: Path) -> dict[str, Any]:
    """Let mergekit plan a recipe and write down what it resolved."""
    from mergekit.architecture import get_architecture_info
    from mergekit.config import MergeConfiguration
    from mergekit.io.tasks import LoaderCache
    from mergekit.merge import _model_out_config
    from mergekit.options import MergeOptions
    from mergekit.plan import MergePlanner

    config = MergeConfiguration.model_validate(yaml.safe_load(recipe.read_text()))
    options = MergeOptions()
    LoaderCache().setup(options=options)
    architecture = get_architecture_info(config, options)
    planner = MergePlanner(config, architecture, options, _model_out_config(config, architecture))
    planner._plan()

    def present(model: Any, weight: Any) -> bool:
        held = LoaderCache().get(model).index.tensor_paths
        return any(name in held for name in [weight.name, *(weight.aliases or [])])

    return {
        "method": config.merge_method,
        "dtype": config.dtype,
        "out_dtype": config.out_dtype,
        "tensors": [tensor_row(weight, task, present) for weight, task in planner._tensors],
    }


def everything() -> bytes:
    """Resolve every recipe of this folder."""
    logging.disable(logging.CRITICAL)
    os.chdir(FOLDER)  # recipes name the models relative to this folder
    found = {}
    for recipe in sorted(FOLDER.glob("recipes/*/*.yml")):
        try:
            row = resolve(recipe)
        except (RuntimeError, ValueError) as error:
            row = {"error": f"{type(error).__name__}: {error}"}
        found[f"{recipe.parent.name}/{recipe.stem}"] = row
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    return gzip.compress(text.encode(), 9, mtime=0)


def main() -> int:
    """Write the file, or check it."""
    data = everything()
    if "--check" in sys.argv[1:]:
        return 0 if gzip.decompress(OUTPUT.read_bytes()) == gzip.decompress(data) else 1
    OUTPUT.write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
