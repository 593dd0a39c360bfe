"""What int8 task vectors cost in precision and save in memory, and what they do to scores.

    python benchmarks/int8.py                    # synthetic: about 100M parameters, three experts
    python benchmarks/int8.py --zoo FOLDER       # scores on the tiny zoo (`optimerge zoo FOLDER`)

Synthetic: base N(0, 0.02), experts with task vectors of 0.5, 2 and 5 % of that and log-normal row
scales, all rounded to bfloat16. Per method, over all tensors, relative to the length of the merged
task vector: the error of the merge in bfloat16 with full weights (that of its rounding) and with
int8 task vectors; the error of int8 before that rounding, and the same between two seeds of full
weights (what the arbitrary choice among ties and random masks makes); and the share of bfloat16
outputs that int8 changes. Then bytes held and peak memory of loading, each in its own process.
"""

import argparse
import math
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.rounding import Rounding
from optimerge.merge.weights import load_weights
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe

EXPERTS = {"e1": 0.005, "e2": 0.02, "e3": 0.05}
METHODS = ("linear", "task_arithmetic", "ties", "dare_ties", "della", "breadcrumbs")


def make(folder: Path, width: int, layers: int) -> None:
    """Write base and experts."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=16 * width,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=8,
    )
    model = LlamaForCausalLM(config).bfloat16()
    g = torch.Generator().manual_seed(0)
    start = {n: torch.randn(t.shape, generator=g) * 0.02 for n, t in model.state_dict().items()}
    start = {n: t + 1 if n.endswith("norm.weight") else t for n, t in start.items()}
    for name, size in {"base": 0.0, **EXPERTS}.items():
        for key, tensor in model.state_dict().items():
            base = start[key]
            rows = torch.randn((*base.shape[:-1], 1), generator=g).mul_(0.7).exp_()
            delta = torch.randn(base.shape, generator=g) * rows * (0.02 * size)
            tensor.copy_(base.bfloat16().float() + delta if size else base)
        model.save_pretrained(folder / name)


def recipe(method: str, *, int8: bool) -> Recipe:
    """Return a merge of the three experts."""
    density = "" if method in ("linear", "task_arithmetic") else ", density: 0.5"
    lines = [f"merge_method: {method}", "base_model: base", "dtype: float32", "models:"]
    weights = {"e1": 0.5, "e2": 0.4, "e3": 0.3}
    if method == "linear":
        weights["base"] = 0.2
    lines += [f"- {{model: {m}, parameters: {{weight: {w}{density}}}}}" for m, w in weights.items()]
    lines.append("out_dtype: float32")
    lines += ["optimerge: {task_vectors: int8}"] if int8 else []
    return parse_recipe("\n".join(lines))


def merged(engine: Engine, wanted: Recipe) -> dict[str, torch.Tensor]:
    """Return the merge, unrounded."""
    engine.apply(wanted)
    return {name: target.read().clone() for name, target in engine._targets.items()}


def models(folder: Path) -> list[Checkpoint]:
    """Open base and experts."""
    return [open_checkpoint(name, folder) for name in ("base", *EXPERTS)]


def precision(folder: Path) -> None:
    """Print a line a method."""
    opened = models(folder)
    rounding = Rounding(opened[0], frozenset({"base"}))
    full = load_engine(opened, out_dtype="float32", seed=0)
    other = load_engine(opened, out_dtype="float32", seed=1)
    steps = load_engine(opened, out_dtype="float32", seed=0, rounding=rounding)
    with TensorReader(opened[0]) as reader:
        base = {n: reader.weight(n).float() for n in opened[0].merged}
    print(f"{sum(t.numel() for t in base.values()):,} parameters; errors / |merged task vector|")
    print("| method | bf16 of full | bf16 of int8 | int8 | another seed | outputs changed |")
    print("|---|--:|--:|--:|--:|--:|")
    for method in METHODS:
        exact, seeded = (merged(e, recipe(method, int8=False)) for e in (full, other))
        ours = merged(steps, recipe(method, int8=True))
        length = norm(exact, base)
        kinds = (rounded(exact), rounded(ours), ours, seeded)
        errors = " | ".join(f"{norm(kind, exact) / length:.4f}" for kind in kinds)
        changed = sum(int((rounded(exact)[n] != rounded(ours)[n]).sum()) for n in base)
        share = changed / sum(t.numel() for t in base.values())
        print(f"| {method} | {errors} | {share:.1%} |", flush=True)


def rounded(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors as bfloat16 holds them."""
    return {name: t.bfloat16().float() for name, t in tensors.items()}


def norm(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Return the length of the difference."""
    return math.sqrt(sum(float((one[n] - other[n]).double().square().sum()) for n in one))


def loading(folder: Path, kind: str) -> None:
    """Load base and experts; print bytes held, and what the peak rose by."""
    opened = models(folder)
    rounding = Rounding(opened[0], frozenset({"base"})) if kind == "int8" else None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights = load_weights(opened, "cpu", rounding=rounding)
    rise = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f"{kind}: {weights.bytes / 2**20:.0f} MiB held, peak while loading {rise / 2**10:.0f} MiB"
    )


def scores(folder: Path) -> None:
    """Print the zoo's scores of a few recipes, with full weights and with int8."""
    from optimerge.cli.quiet import quiet
    from optimerge.search.candidate import attempt
    from optimerge.search.session import open_session
    from optimerge.space.read import read_space
    from optimerge.space.settings import overridden

    space = read_space(folder / "space.yaml")
    points = [(0.3, 1.0), (0.5, 1.0), (0.5, 0.5), (0.7, 0.3), (0.4, 0.1)]
    found = {}
    for kind in ("full", "int8"):
        with tempfile.TemporaryDirectory() as run, quiet(scoring=True):
            wanted = overridden(space, task_vectors=kind)
            session = open_session(wanted, Path(run), device="cpu")
            for weight, density in points:
                values = {"weight": weight, "density": density}
                params = {d.name: values[d.name.rpartition(".")[2]] for d in space.dimensions}
                outcome = attempt(session, session.recipe(params))
                if outcome.scored is None:
                    sys.exit(f"weight {weight}, density {density}: {outcome.error}")
                scores = outcome.scored.scores
                found[kind, weight, density] = {n: s.value for n, s in scores.items()}
    for weight, density in points:
        full, int8 = (found[kind, weight, density] for kind in ("full", "int8"))
        text = ", ".join(f"{n} {v:.4f} {int8[n] - v:+.4f}" for n, v in full.items())
        print(f"weight {weight}, density {density}: {text}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zoo", type=Path)
    parser.add_argument("--width", type=int, default=896)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.load:
        loading(Path(given.load[0]), given.load[1])
    elif given.zoo:
        scores(given.zoo)
    else:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), given.width, given.layers)
            precision(Path(folder))
            for kind in ("full", "int8"):
                command = [sys.executable, __file__, "--load", folder, kind]
                print(
                    subprocess.run(command, check=True, capture_output=True, text=True).stdout,
                    end="",
                )


if __name__ == "__main__":
    main()
