"""Records what mergekit 0.1.5 makes of `recipes.yml`: run by a Python that has mergekit.

    python tests/data/golden_vocab/make.py

Writes merged.safetensors (`SET/RECIPE/TENSOR`: embedding and head, the tensors that have one row
a token) and tokens.json (`SET/RECIPE`: the tokens in the order of their ids).
"""

import json
import logging
import tempfile
from pathlib import Path

import yaml
from family import make_family
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

HERE = Path(__file__).parent
SEED = 77


def main() -> None:
    """Merge every recipe in both types."""
    logging.disable(logging.WARNING)
    recipes = yaml.safe_load((HERE / "recipes.yml").read_text())
    tensors, tokens = {}, {}
    with tempfile.TemporaryDirectory() as place:
        for kind in ("float32", "bfloat16"):
            make_family(Path(place) / kind, kind)
            for name, recipe in recipes.items():
                out = Path(place) / f"{kind}-{name}"
                data = placed({**recipe, "dtype": kind}, Path(place) / kind)
                config = MergeConfiguration.model_validate(data)
                options = MergeOptions(random_seed=SEED, write_model_card=False, quiet=True)
                run_merge(config, str(out), options)
                merged = load_file(out / "model.safetensors")
                for key in ("model.embed_tokens.weight", "lm_head.weight"):
                    tensors[f"{kind}/{name}/{key}"] = merged[key]
                ids = AutoTokenizer.from_pretrained(out).get_vocab()
                tokens[f"{kind}/{name}"] = sorted(ids, key=ids.get)
    save_file(tensors, HERE / "merged.safetensors")
    (HERE / "tokens.json").write_text(json.dumps(tokens, indent=0) + "\n")


def placed(data: object, folder: Path) -> object:
    """Return a recipe with the names of the models replaced by their folders."""
    if isinstance(data, list):
        return [placed(part, folder) for part in data]
    if not isinstance(data, dict):
        return data
    return {
        key: str(folder / value)
        if key in ("model", "base_model")
        or (
            (key in ("source", "tokenizer_source") and value not in ("base", "union"))
            and isinstance(value, str)
        )
        else placed(value, folder)
        for key, value in data.items()
    }


if __name__ == "__main__":
    main()
