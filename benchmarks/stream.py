"""Times candidates whose base and experts do not fit beside the model and are read from disk.

    python benchmarks/stream.py [--size WIDTH LAYERS VOCABULARY] [--methods M ...] [--repeat N]

Makes a random bfloat16 Llama and three fine-tunes of it in a temporary folder, sets an artificial
limit of memory under which only the resident model and one layer of the others fit, and merges
candidates in turn: resident (without the limit), streamed with each tensor read when it is needed,
and streamed with the next ones read ahead. The page cache is dropped before every candidate where
the system allows it. Printed are medians of wall seconds, their ratios to the resident engine, and
the share of the reading that was hidden behind merging: 1 - seconds waited / seconds read. Set
TMPDIR to measure another disk.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils.logging import disable_progress_bar

from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.merge.disk import DiskWeights
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.free import MEMORY_VARIABLE, free_on
from optimerge.merge.need import Work, predicted
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe

NAMES = ("base", "e1", "e2", "e3")


def make_models(folder: Path, width: int, layers: int, tokens: int) -> None:
    """Write base and experts, through to the disk."""
    config = LlamaConfig(
        vocab_size=tokens, hidden_size=width, intermediate_size=4 * width,
        num_hidden_layers=layers, num_attention_heads=8, num_key_value_heads=8,
        tie_word_embeddings=False, dtype="bfloat16",
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config).bfloat16()
    model = model.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    start = {
        n: torch.randn(t.shape, generator=generator).bfloat16() / 50
        for n, t in model.state_dict().items()
    }
    for name in NAMES:
        for key, tensor in model.state_dict().items():
            noise = torch.randn(tensor.shape, generator=generator) * 0.002
            tensor.copy_(start[key] + (0 if name == "base" else noise))
        model.save_pretrained(folder / name)
    os.sync()


def drop_cache(checkpoints: list[Checkpoint]) -> None:
    """Ask the system to forget what it keeps of the files."""
    for file in {info.file for c in checkpoints for info in c.tensors.values()}:
        with file.open("rb") as handle:
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def candidates(method: str) -> Iterator[Recipe]:
    """Yield recipes that differ from one another in every tensor."""
    weight = 0.3
    while True:
        weight += 0.001
        base = "" if method == "linear" else "base_model: base\n"
        density = "" if method in ("linear", "task_arithmetic") else ", density: 0.5"
        models = "".join(
            f"- {{model: {name}, parameters: {{weight: {weight}{density}}}}}\n"
            for name in NAMES[1:]
        )
        yield parse_recipe(
            f"merge_method: {method}\n{base}dtype: float32\nout_dtype: bfloat16\nmodels:\n{models}"
        )


def seconds(engine: Engine, recipe: Recipe, checkpoints: list[Checkpoint]) -> float:
    """Return the wall seconds of one candidate, read from a cold cache if it is read."""
    drop_cache(checkpoints)
    started = time.perf_counter()
    engine.apply(recipe)
    return time.perf_counter() - started


def main() -> None:
    """Make the models, merge, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", nargs=3, type=int, default=[1024, 6, 8000])
    parser.add_argument("--methods", nargs="+", default=["linear", "task_arithmetic", "ties"])
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        make_models(Path(scratch), *chosen.size)
        checkpoints = [open_checkpoint(name, Path(scratch)) for name in NAMES]
        work = Work(tuple(chosen.methods))
        needs = {t: predicted(checkpoints, work, t, "cpu").peak for t in ("device", "disk")}
        os.environ[MEMORY_VARIABLE] = str((needs["device"] + needs["disk"]) // 2)
        tier = "device" if needs["device"] <= free_on("cpu") else "disk"
        gib = {name: f"{n / 2**30:.2f} GiB" for name, n in needs.items()}
        print(f"{checkpoints[0].parameters:,} parameters, bfloat16, 3 experts; resident needs "
              f"{gib['device']}, streamed {gib['disk']}; limit {free_on('cpu') / 2**30:.2f} GiB: "
              f"{tier} tier")  # fmt: skip
        resident, streamed = load_engine(checkpoints), load_engine(checkpoints, memory="disk")
        weights = streamed.weights
        if tier != "disk" or not isinstance(weights, DiskWeights):
            raise SystemExit("the limit does not limit")
        print(f"{'method':<16} {'resident s':>10} {'read s':>8} {'ahead s':>8} "
              f"{'read/res.':>9} {'ahead/res.':>10} {'ahead/read':>10} {'hidden':>7}")  # fmt: skip
        for method in chosen.methods:
            recipes = candidates(method)
            for engine in (resident, streamed):
                engine.apply(next(recipes))  # tables
            times: dict[str, list[float]] = {"resident": [], "read": [], "ahead": []}
            hidden = []
            for _ in range(chosen.repeat):
                recipe = next(recipes)
                times["resident"].append(seconds(resident, recipe, checkpoints))
                for way in ("read", "ahead"):
                    weights.prefetch = way == "ahead"
                    weights.times.reading = weights.times.waiting = 0.0
                    recipe = next(recipes)
                    times[way].append(seconds(streamed, recipe, checkpoints))
                waited = weights.times.waiting / weights.times.reading
                hidden.append(max(0.0, 1 - waited))
            res, read, ahead = (statistics.median(times[w]) for w in ("resident", "read", "ahead"))
            print(f"{method:<16} {res:10.2f} {read:8.2f} {ahead:8.2f} {read / res:9.2f} "
                  f"{ahead / res:10.2f} {ahead / read:10.2f} {statistics.median(hidden):7.0%}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
