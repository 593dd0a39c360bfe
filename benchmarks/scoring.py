"""Times a candidate's scores: lm-eval's own call, ours by each plan, and the bare forward pass.

    python benchmarks/scoring.py [--documents 300] [--repeat 3] [--device cpu] [--dtype float32]

A random Llama of 2.4M parameters (vocabulary 2048), a byte-level BPE trained on generated text, and
three local multiple-choice tasks: four answers of several tokens without examples; A to D after
five fixed examples; two answers without examples. Weights change before each candidate. Times are
CPU seconds of one thread (on CUDA milliseconds between events), the median of `--repeat` runs taken
in turn. The floor is a forward without masks, padding or cache of as many tokens as the cheapest
plan runs, in rows of its mean length, with logits at as many positions. Prints JSON.
"""

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

VOCABULARY = 2048
TASKS = ("opt_hs", "opt_mmfix", "opt_bq")
GOALS = {"simple_evaluate / ours": 3.5, "ours / floor": 1.3}


def words(rng: Random, count: int, lexicon: Sequence[str]) -> str:
    """Return a sentence; frequent words are frequent."""
    return " ".join(lexicon[int(len(lexicon) * rng.random() ** 2)] for _ in range(count))


def make_tasks(folder: Path, documents: int) -> list[str]:
    """Write the three tasks and return all their text."""
    import yaml

    rng = Random(0)
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in "aeiou"]
    lexicon = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(3000)]
    texts: list[str] = []
    for task in TASKS:
        files = {}
        for split, count in (("train", 20), ("test", documents)):
            rows = []
            for _ in range(count):
                few, many = (5, 12) if task == "opt_mmfix" else (25, 60)
                context = words(rng, rng.randint(few, many), lexicon)
                choices = [words(rng, rng.randint(4, 14), lexicon) for _ in range(4)]
                gold = rng.randrange(2 if task == "opt_bq" else 4)
                if task == "opt_mmfix":
                    choices = [words(rng, rng.randint(1, 4), lexicon) for _ in range(4)]
                rows.append({"ctx": context, "options": choices, "gold": gold})
                texts += [context, *choices]
            files[split] = str(folder / f"{task}_{split}.jsonl")
            Path(files[split]).write_text("".join(json.dumps(row) + "\n" for row in rows))
        config: dict[str, Any] = {
            "task": task,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": files},
            "output_type": "multiple_choice",
            "training_split": "train",
            "test_split": "test",
            "fewshot_split": "train",
            "num_fewshot": 0,
            "doc_to_target": "gold",
            "target_delimiter": " ",
            "metric_list": [
                {"metric": metric, "aggregation": "mean", "higher_is_better": True}
                for metric in ("acc", "acc_norm")
            ],
            "metadata": {"version": 1.0},
        }
        if task == "opt_hs":
            config |= {"doc_to_text": "{{ctx}}", "doc_to_choice": "{{options}}"}
        elif task == "opt_bq":
            config |= {"doc_to_text": "{{ctx}}\nAnswer:", "doc_to_choice": ["no", "yes"]}
        else:
            lettered = "".join(f"{x}. {{{{options[{i}]}}}}\n" for i, x in enumerate("ABCD"))
            config |= {
                "doc_to_text": "{{ctx}}\n" + lettered + "Answer:",
                "doc_to_choice": list("ABCD"),
                "num_fewshot": 5,
                "fewshot_config": {"sampler": "first_n"},
            }
        (folder / f"{task}.yaml").write_text(yaml.safe_dump(config))
    return texts


def make_model(texts: list[str], device: str, dtype: str) -> tuple[Any, Any]:
    """Return the random Llama and its tokenizer."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        texts, vocab_size=VOCABULARY, special_tokens=["<eos>"], show_progress=False
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer, eos_token="<eos>")
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=192, intermediate_size=512, num_hidden_layers=4,
        num_attention_heads=6, num_key_value_heads=6, max_position_embeddings=1024,
        bos_token_id=None, eos_token_id=0, pad_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model.to(device, getattr(torch, dtype)).eval(), tokenizer


class Stopwatch:
    """Seconds of CPU of this process, or of the GPU between two events."""

    def __init__(self, device: str) -> None:
        self.gpu = device != "cpu"

    def time(self, run: Callable[[], object]) -> float:
        """Return the seconds that `run` takes."""
        import torch

        if self.gpu:
            events: Any = torch.cuda.Event
            start, stop = (events(enable_timing=True) for _ in range(2))
            start.record()
            run()
            stop.record()
            torch.cuda.synchronize()
            return float(start.elapsed_time(stop)) / 1e3
        started = time.process_time()
        run()
        return time.process_time() - started


def floor(model: Any, plan: Any) -> Callable[[], object]:
    """Return a bare forward of the plan's tokens: dense, unmasked, its needed positions' logits."""
    import torch

    rows = [row for group in plan.groups for row in group.rows]
    prefixes = [len(group.prefix) for group in plan.groups if group.prefix]
    length = round(sum(map(len, rows)) / len(rows))
    needed = sum(len({node for node, _, _ in row.needed}) for row in rows)
    count = -(-(sum(map(len, rows)) + sum(prefixes)) // length)
    size = max(1, plan.budget.tokens // length)
    batches = []
    generator = torch.Generator().manual_seed(0)
    for start in range(0, count, size):
        shape = min(size, count - start), length
        ids = torch.randint(1, VOCABULARY, shape, generator=generator)
        share = torch.arange(ids.numel()) < round(ids.numel() * needed / (count * length))
        batches.append((ids.to(model.device), share.view(shape).to(model.device)))

    def run() -> None:
        with torch.no_grad():
            for ids, keep in batches:
                model(ids, use_cache=False, logits_to_keep=keep)

    return run


def main() -> None:
    """Time everything in turn, check that the scores agree, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--skip", nargs="*", default=[], help="rows of `seconds` to leave out")
    options = parser.parse_args()
    logging.disable(logging.WARNING)

    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        import datasets.config

        datasets.config.HF_DATASETS_CACHE = Path(folder) / "cache"
        print(json.dumps(measure(options, Path(folder)), indent=1))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return seconds, ratios and the largest differences."""
    import lm_eval.evaluator
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from optimerge.objectives.evaluation import make_evaluation
    from optimerge.objectives.live import LiveModel
    from optimerge.objectives.protocol import Candidate
    from optimerge.objectives.tasks import load_tasks
    from optimerge.objectives.tokens.choose import choose_plan
    from optimerge.objectives.tokens.make import make_plan
    from optimerge.objectives.tokens.request import Request
    from optimerge.records.types import MergeStats
    from optimerge.space.objectives import TaskObjective

    model, tokenizer = make_model(
        make_tasks(folder, options.documents), options.device, options.dtype
    )
    specs = [
        TaskObjective(task=task, metric=metric, name=f"{task} {metric}")
        for task in TASKS
        for metric in ("acc", "acc_norm")
    ]
    scorers = load_tasks(specs, model=model, tokenizer=tokenizer, include_path=folder, seed=0)
    lm: Any = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=32, softmax_dtype="float32")
    manager = TaskManager(include_defaults=False, include_path=str(folder))
    candidate = Candidate(model, MergeStats(seconds=0, parameters=1, nonzero=1, l1=1, l2=1))

    live = LiveModel(model, tokenizer, 32)
    asked = dict.fromkeys(run for scorer in scorers for run in scorer.runs)
    instances = [each for run in asked for each in run.instances]
    recorded = live.record("loglikelihood", instances)
    requests = [Request(tuple(context), tuple(answer)) for _, context, answer in recorded]
    choice = choose_plan(model, requests, max_length=lm.max_length)
    budget = choice.plan.budget
    plans = {
        name: make_plan(name, requests, model, max_length=lm.max_length, budget=budget)
        for name in ("flat", "tree", "shared")
    }
    results: dict[str, Any] = {}

    def keep(key: str, run: Callable[[], object]) -> Callable[[], object]:
        def kept() -> None:
            results[key] = run()

        return kept

    def evaluate(**more: Any) -> object:
        return lm_eval.evaluator.simple_evaluate(
            model=lm, tasks=list(TASKS), task_manager=manager, bootstrap_iters=0, **more
        )

    runs: dict[str, Callable[[], object]] = {
        "floor": floor(model, min(plans.values(), key=lambda plan: plan.cost)),
        **{f"plan {name}": keep(name, partial(p.answer, model)) for name, p in plans.items()},
    }
    evaluation = make_evaluation(scorers, model)
    runs["ours"] = keep("ours", lambda: evaluation.score(candidate).scores)
    runs["lm-eval loglikelihood"] = keep(
        "lm", lambda: lm._loglikelihood_tokens(recorded, disable_tqdm=True)
    )
    runs["simple_evaluate"] = keep("theirs", evaluate)
    runs = {key: run for key, run in runs.items() if key not in options.skip}
    # What only a first call does: imports, compiled templates, buffers.
    evaluate(limit=2)
    lm._loglikelihood_tokens(recorded[:8], disable_tqdm=True)
    plans["shared"].answer(model)
    watch = Stopwatch(options.device)
    seconds: dict[str, list[float]] = {key: [] for key in runs}
    for _ in range(options.repeat):
        for parameter in model.parameters():
            parameter.data.mul_(1.001)
        for key, run in runs.items():
            seconds[key].append(watch.time(run))
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    best = medians[f"plan {choice.plan.name}"]
    report: dict[str, Any] = {
        "requests": len(requests),
        "tokens": {name: plan.tokens for name, plan in plans.items()},
        "budget": budget.tokens,
        "choice": choice.reason,
        "seconds": medians,
        "spread": {key: [min(values), max(values)] for key, values in seconds.items()},
        "plan / floor": best / medians["floor"],
    }
    if "lm" in results:
        report["lm-eval loglikelihood / plan"] = medians["lm-eval loglikelihood"] / best
        report["largest difference of a log-likelihood"] = {
            name: max(
                abs(a - b[0])
                for a, b in zip(results[name].loglikelihoods, results["lm"], strict=True)
            )
            for name in plans
            if name in results
        }
    if "theirs" in results:
        report["simple_evaluate / plan"] = medians["simple_evaluate"] / best
    if {"ours", "theirs"} <= set(results):
        report["goals"] = GOALS
        report["simple_evaluate / ours"] = medians["simple_evaluate"] / medians["ours"]
        report["ours / floor"] = medians["ours"] / medians["floor"]
        theirs = results["theirs"]["results"]
        report["metrics that differ"] = [
            name
            for name, score in results["ours"].items()
            if score.value != theirs[name.split()[0]][f"{name.split()[1]},none"]
        ]
    return report


if __name__ == "__main__":
    main()
