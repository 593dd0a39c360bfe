"""Main memory of `optimerge search --workers N` on a CPU: base and experts once, or for each.

    python benchmarks/shared_memory.py [--workers 2] [--width 768] [--layers 6] [--experts 2]

Random bfloat16 Llamas and a task of a few items, searched for a few trials by N workers; once as it
is, once with nothing shared. Every worker's /proc/PID/smaps_rollup is read while they work: PSS,
which counts a page that k processes share as a k-th for each, and its parts. The row is that of the
largest sum of PSS over the workers, the parts summed over them too.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from benchmarks.quality.markdown import table  # noqa: E402  # after the path is set

ALONE = (
    "import sys; from optimerge.cli import workers; workers.make_shared = lambda: None;"
    "from optimerge.cli.main import run; sys.exit(run(sys.argv[1:]))"
)
"""The command with nothing shared."""
PARTS = ("Pss", "Pss_Anon", "Pss_Shmem", "Pss_File", "Rss")
WORDS = [f"w{i}" for i in range(20)] + ["="]


def make(folder: Path, width: int, layers: int, experts: int) -> int:
    """Write models, tokenizer, task and space; return the bytes of one model's weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["<pad>", "<eos>", "<unk>", *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=width, intermediate_size=4 * width,
        num_hidden_layers=layers, num_attention_heads=8, num_key_value_heads=8,
        max_position_embeddings=64, bos_token_id=None, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config).bfloat16()
    generator = torch.Generator().manual_seed(0)
    names = [f"e{i}" for i in range(experts)]
    for name in ("base", *names):
        for tensor in model.state_dict().values():
            drift = 0.002 if name != "base" else 0.02
            tensor.add_(torch.randn(tensor.shape, generator=generator) * drift)
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    rows = [{"q": f"w{i % 20} w{i % 7}", "options": ["w1", "w2"], "gold": i % 2} for i in range(40)]
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "tasks").mkdir()
    (folder / "tasks" / "echo.yaml").write_text(
        f"task: echo\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {data}}}}}\n"
        "output_type: multiple_choice\ntest_split: test\nnum_fewshot: 0\n"
        'doc_to_text: "{{q}} ="\ndoc_to_choice: "{{options}}"\ndoc_to_target: gold\n'
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n"
        "metadata: {version: 1.0}\n"
    )
    weight = "{weight: {low: 0.0, high: 1.0}}"
    (folder / "space.yaml").write_text(
        "merge_method: task_arithmetic\nbase_model: base\nmodels:\n"
        + "".join(f"- {{model: {name}, parameters: {weight}}}\n" for name in names)
        + "objectives: [{task: echo, search_items: 20, test_items: 10}, {sparsity: l1}]\n"
        "include_path: tasks\nsearch: {sampler: random, seed: 0, racing: false}\n"
    )
    return sum(tensor.nbytes for tensor in model.state_dict().values())


def memory(process: int) -> dict[str, int]:
    """Return the parts of a process's memory in bytes, {} if it is gone."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except (OSError, ProcessLookupError):
        return {}
    return {k: int(v) * 1024 for k, v in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}


def children(process: int) -> list[int]:
    """Return the processes that one has started."""
    try:
        return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))
    except OSError:
        return []


def searched(folder: Path, workers: int, trials: int, *, shared: bool) -> list[str]:
    """Search and return the row of the table."""
    how = ["-m", "optimerge"] if shared else ["-c", ALONE]
    run = folder / ("shared" if shared else "alone")
    words = ["search", str(folder / "space.yaml"), "--run-dir", str(run), "--trials", str(trials)]
    process = subprocess.Popen(
        [sys.executable, *how, *words, "--workers", str(workers), "--device", "cpu"],
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
    )
    most: dict[str, int] = {}
    while process.poll() is None:
        found = [each for child in children(process.pid) if (each := memory(child))]
        total = {part: sum(each.get(part, 0) for each in found) for part in PARTS}
        if len(found) == workers and total["Pss"] > most.get("Pss", 0):
            most = total
        time.sleep(0.1)
    if process.returncode:
        sys.exit(f"the search failed with exit code {process.returncode}")
    return ["once" if shared else "each", *(f"{most[part] / 2**20:.0f}" for part in PARTS)]


def main() -> None:
    """Measure both ways and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--experts", type=int, default=2)
    parser.add_argument("--trials", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        size = make(Path(name), given.width, given.layers, given.experts)
        print(f"{given.workers} workers, {given.experts + 1} models of {size / 2**20:.0f} MiB")
        rows = [
            searched(Path(name), given.workers, given.trials, shared=shared)
            for shared in (False, True)
        ]
    print(table(["base and experts", *(f"{part}, MiB" for part in PARTS)], rows))


if __name__ == "__main__":
    main()
