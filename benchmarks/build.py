"""Builds one recipe with optimerge and with mergekit-yaml and compares what it costs.

    python benchmarks/build.py --mergekit PATH/TO/mergekit-yaml

Makes a random Llama of about 100M parameters and three fine-tunes of it (bfloat16) in a temporary
folder, then builds linear, ties and dare_ties merges, turn about, each in a process of its own.
Printed are the best of `--repeat` runs: CPU seconds (user + system), wall seconds, peak resident
memory, and mergekit's CPU seconds over ours. For the memory, `bound` is the largest tensor in
float32 times the number of inputs, and `imports` what a process holds that only imports our build.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MODELS = """
import sys
from pathlib import Path
import torch
from transformers import LlamaConfig, LlamaForCausalLM
folder, width, layers, vocabulary = Path(sys.argv[1]), *map(int, sys.argv[2:])
config = LlamaConfig(vocab_size=vocabulary, hidden_size=width, intermediate_size=4 * width,
    num_hidden_layers=layers, num_attention_heads=8, num_key_value_heads=8,
    tie_word_embeddings=False)
model = LlamaForCausalLM(config).bfloat16()
generator = torch.Generator().manual_seed(0)
start = {n: t.clone() for n, t in model.state_dict().items()}
for name in ("base", "e1", "e2", "e3"):
    for key, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator) * 0.002
        tensor.copy_(start[key] + (0 if name == "base" else noise))
    model.save_pretrained(folder / name)
print(sum(t.numel() for t in start.values()), max(t.numel() for t in start.values()))
"""

IMPORTS = "import torch, optimerge.export.build"


@dataclass(frozen=True)
class Cost:
    """What a process used."""

    cpu: float
    wall: float
    peak: float
    """Mebibytes."""


def measured(command: list[str], folder: Path) -> Cost:
    """Run a command to its end and return its costs; SystemExit if it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with (folder / "log.txt").open("w") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{(folder / 'log.txt').read_text()}")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def recipe(method: str, dtype: str) -> str:
    """Return the recipe of a method over base and three experts."""
    density = "" if method == "linear" else ", density: 0.5"
    experts = "".join(
        f"- {{model: {name}, parameters: {{weight: 0.4{density}}}}}\n"
        for name in ("e1", "e2", "e3")
    )
    base = "" if method == "linear" else "base_model: base\n"
    return f"merge_method: {method}\n{base}models:\n{experts}dtype: {dtype}\nout_dtype: bfloat16\n"


def best(command: list[str], out: Path, folder: Path, repeat: int) -> Cost:
    """Return the cheapest of several runs of a command that writes `out`."""
    costs = []
    for _ in range(repeat):
        shutil.rmtree(out, ignore_errors=True)
        costs.append(measured(command, folder))
    return min(costs, key=lambda cost: cost.cpu)


def main() -> None:
    """Build and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mergekit", default=shutil.which("mergekit-yaml"))
    parser.add_argument("--methods", nargs="+", default=["linear", "ties", "dare_ties"])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--size", nargs=3, default=["768", "8", "16000"], metavar="N",
                        help="hidden size, layers, vocabulary")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--exact", action="store_true", help="build as mergekit does")
    chosen = parser.parse_args()
    ours = [sys.executable, "-m", "optimerge"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = subprocess.run(
            [sys.executable, "-c", MODELS, scratch, *chosen.size], check=True, capture_output=True,
            text=True, cwd=scratch,
        )  # fmt: skip
        parameters, largest = map(int, made.stdout.split())
        imports = measured([sys.executable, "-c", IMPORTS], folder).peak
        print(f"{parameters:,} parameters, bfloat16, 3 experts, math in {chosen.dtype}")
        print(f"imports {imports:.0f} MiB, bound {largest * 4 * 4 / 2**20:.0f} MiB")
        print(
            f"{'method':<12} {'tool':<10} {'CPU s':>7} {'wall s':>7} {'peak MiB':>9} {'ratio':>6}"
        )
        for method in chosen.methods:
            file = folder / f"{method}.yml"
            file.write_text(recipe(method, chosen.dtype))
            out = folder / "out"
            extra = ["--exact"] if chosen.exact else []
            commands = {
                "optimerge": [*ours, "build", str(file), str(out), "--device", "cpu", *extra]
            }
            if chosen.mergekit:
                plain = ["--random-seed", "0", "--no-write-model-card", "--no-copy-tokenizer"]
                commands["mergekit"] = [chosen.mergekit, str(file), str(out), *plain]
            costs = {tool: best(c, out, folder, chosen.repeat) for tool, c in commands.items()}
            for tool, cost in costs.items():
                ratio = f"{cost.cpu / costs['optimerge'].cpu:.2f}"
                figures = f"{cost.cpu:7.2f} {cost.wall:7.2f} {cost.peak:9.0f} {ratio:>6}"
                print(f"{method:<12} {tool:<10} {figures}")
        if not chosen.mergekit:
            print("mergekit-yaml is not on the PATH; give --mergekit PATH to compare")


if __name__ == "__main__":
    main()
