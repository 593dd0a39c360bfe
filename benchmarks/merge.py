"""Times a candidate: merged in place by each back end, against a copy of the same bytes.

    python benchmarks/merge.py [--mergekit PYTHON]

Makes a random Llama of about 300M parameters and three fine-tunes of it (bfloat16; task vectors of
0.5, 2 and 5 % of the weights, with rows of uneven scale), loads them once, and times whole
candidates of which every tensor changed: CPU seconds of one thread, the median of `--repeat` runs
taken in turn with `memcpy` of as many bytes (base and experts read, the model written).
`--mergekit` names a Python with mergekit 0.1.5, which merges the same recipe from memory-mapped
files in one process (its executor, without writing); the better of two counts.
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

EXPERTS = ("e1", "e2", "e3")
GOALS = {
    "linear": (1.8, 4),
    "task_arithmetic": (1.8, 4),
    "ties": (3.5, 25),
    "dare_ties": (3.5, 35),
    "della": (6, None),
    "breadcrumbs": (6, None),
}
"""Times the copy: goals of the compiled and of the torch back end."""

MERGEKIT = """
import json, sys, time
import torch, yaml
torch.set_num_threads(1)
from mergekit.architecture import arch_info_for_config
from mergekit.config import MergeConfiguration
from mergekit.graph import Executor
from mergekit.io.tasks import LoaderCache, SaveTensor
from mergekit.merge import MergeOptions, _model_out_config, get_architecture_info
from mergekit.plan import MergePlanner
options = MergeOptions(trust_remote_code=False, quiet=True)
LoaderCache().setup(options)
for line in sys.stdin:
    config = MergeConfiguration.model_validate(yaml.safe_load(json.loads(line)))
    arch = get_architecture_info(config, options)
    out = _model_out_config(config, arch)
    planner = MergePlanner(config, arch, options, out)
    found = []
    for turn in range(2):
        started = time.thread_time()
        saved = [t for t in planner.plan_to_disk(out_path="unused") if isinstance(t, SaveTensor)]
        tasks = [task.tensor_task for task in saved]
        for task, value in Executor(tasks).run(quiet=True):
            del value
        found.append(time.thread_time() - started)
    print(json.dumps(min(found)), flush=True)
"""


def make_models(folder: Path, width: int, layers: int, vocabulary: int) -> int:
    """Write base and experts; return the number of parameters."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=3 * width,
        num_hidden_layers=layers, num_attention_heads=16, num_key_value_heads=16,
        tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config).bfloat16()
    generator = torch.Generator().manual_seed(0)
    start = {
        n: torch.randn(t.shape, generator=generator) * 0.02 for n, t in model.named_parameters()
    }
    for name, size in zip(("base", *EXPERTS), (0.0, 0.005, 0.02, 0.05), strict=True):
        for key, tensor in model.named_parameters():
            rows = torch.randn(tensor.shape[0], generator=generator).mul(0.5).exp()
            noise = torch.randn(tensor.shape, generator=generator)
            scale = rows.view(-1, *[1] * (tensor.dim() - 1)) * (0.02 * size)
            tensor.data.copy_(start[key] + noise * scale)
        model.save_pretrained(folder / name)
    return sum(t.numel() for t in start.values())


def recipe(method: str, weight: float, folder: Path) -> str:
    """Return a recipe; another weight changes every tensor."""
    numbers = f"weight: {weight}"
    if method not in ("linear", "task_arithmetic"):
        numbers += ", density: 0.5"
    models = "".join(
        f"- {{model: '{folder / name}', parameters: {{{numbers}}}}}\n" for name in EXPERTS
    )
    base = "" if method == "linear" else f"base_model: '{folder / 'base'}'\n"
    return f"merge_method: {method}\n{base}models:\n{models}dtype: float32\nout_dtype: bfloat16\n"


def copy_of(size: int) -> Callable[[], None]:
    """Return a function that moves `size` bytes through memory, half read and half written."""
    import torch

    source, target = (torch.ones(size // 2, dtype=torch.uint8) for _ in range(2))

    def copy() -> None:
        ctypes.memmove(target.data_ptr(), source.data_ptr(), size // 2)

    return copy


def seconds(run: Callable[[], object]) -> float:
    """Return the seconds of CPU that this thread spends."""
    started = time.thread_time()
    run()
    return time.thread_time() - started


def main() -> None:
    """Time and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mergekit", help="a Python that can import mergekit")
    parser.add_argument("--methods", nargs="+", default=list(GOALS))
    parser.add_argument("--kernels", nargs="+", default=["compiled", "torch"])
    parser.add_argument("--size", nargs=3, type=int, default=[1024, 16, 80000], metavar="N",
                        help="hidden size, layers, vocabulary")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        count = make_models(folder, *chosen.size)
        print(f"{count:,} parameters, bfloat16, {len(EXPERTS)} experts, one thread")
        theirs = mergekit_times(chosen.mergekit, chosen.methods, folder)
        moved = count * 2 * (len(EXPERTS) + 2)
        copy = copy_of(moved)
        print(f"{'method':<16} {'kernels':<9} {'ms':>7} {'copy ms':>8} {'times':>6} {'goal':>5}"
              f" {'mergekit':>9}")  # fmt: skip
        for kernels in chosen.kernels:
            for method, (merge, copied) in ours(kernels, chosen, folder, copy).items():
                goal = GOALS[method][kernels != "compiled"]
                other = f"{theirs[method] / merge:8.1f}x" if method in theirs else "-"
                figures = f"{merge * 1e3:7.0f} {copied * 1e3:8.0f} {merge / copied:6.2f}"
                print(
                    f"{method:<16} {kernels:<9} {figures} {goal or '-':>5} {other:>9}", flush=True
                )
        if not chosen.mergekit:
            print("mergekit was not measured: give --mergekit PYTHON")


def ours(
    kernels: str, chosen: argparse.Namespace, folder: Path, copy: Callable[[], None]
) -> dict[str, tuple[float, float]]:
    """Return, for each method, the median seconds of a candidate and of the copies between."""
    os.environ["OPTIMERGE_KERNELS"] = kernels
    from optimerge.checkpoint.folder import open_checkpoint
    from optimerge.merge.engine import load_engine
    from optimerge.merge.kernels.choose import kernels_for
    from optimerge.recipe.read import parse_recipe

    kernels_for.cache_clear()
    engine = load_engine([open_checkpoint(str(folder / m), folder) for m in ("base", *EXPERTS)])
    found = {}
    for method in chosen.methods:

        def candidate(weight: float, method: str = method) -> None:
            engine.apply(parse_recipe(recipe(method, weight, folder)))

        candidate(0.3)  # tables are made
        merges, copies = [], []
        for turn in range(chosen.repeat):
            copies.append(seconds(copy))
            merges.append(seconds(partial(candidate, 0.31 + 0.01 * turn)))
        found[method] = statistics.median(merges), statistics.median(copies)
    return found


def mergekit_times(python: str | None, methods: list[str], folder: Path) -> dict[str, float]:
    """Return mergekit's seconds for each method, {} without a Python that has it."""
    if python is None:
        return {}
    lines = "".join(json.dumps(recipe(method, 0.3, folder)) + "\n" for method in methods)
    run = subprocess.run(
        [python, "-c", MERGEKIT], input=lines, text=True, capture_output=True, check=False
    )  # fmt: skip
    if run.returncode:
        sys.exit(f"mergekit failed:\n{run.stderr[-2000:]}")
    return dict(zip(methods, map(json.loads, run.stdout.split()), strict=True))


if __name__ == "__main__":
    main()
