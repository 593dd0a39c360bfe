"""A tiny random model, a word tokenizer, and local tasks of each output type."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
import yaml
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.objectives.protocol import Candidate
from optimerge.records.types import MergeStats

WORDS = ["<pad>", "<unk>", "<eos>", "Q:", "A:", *"0123456789", *"abcdefghijklmnop"]
STATS = MergeStats(seconds=0.1, parameters=100, nonzero=25, l1=4.0, l2=0.5)
CONTEXT = 48
DOCUMENTS = 40


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>"
    )


def random_model(seed: int) -> LlamaForCausalLM:
    """Weights large enough that answers differ from prompt to prompt."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(torch.Generator().manual_seed(seed).get_state())
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(WORDS),
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                max_position_embeddings=CONTEXT,
                initializer_range=0.4,
                pad_token_id=0,
                bos_token_id=None,
                eos_token_id=2,
            )
        ).eval()


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Two threads that wait for each other on a busy machine cost more than these models do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_model() -> Callable[[int], LlamaForCausalLM]:
    return random_model


@pytest.fixture(scope="session")
def first_model() -> LlamaForCausalLM:
    return random_model(0)


@pytest.fixture
def model(first_model: LlamaForCausalLM) -> LlamaForCausalLM:
    return copy.deepcopy(first_model)


@pytest.fixture
def candidate(model: LlamaForCausalLM) -> Candidate:
    return Candidate(model, STATS)


@pytest.fixture(scope="session")
def tasks(
    tmp_path_factory: pytest.TempPathFactory,
    first_model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    write_tasks(folder, _documents(first_model, tokenizer))
    return folder


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    import datasets.config

    before = datasets.config.HF_DATASETS_CACHE
    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("cache")
    yield
    datasets.config.HF_DATASETS_CACHE = before


def _documents(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> dict[str, list[dict[str, Any]]]:
    """Half of the answers are what the model says, so that no metric is 0 or 1."""
    rng, splits = Random(0), {}
    for split, count in (("train", 20), ("test", DOCUMENTS)):
        docs = []
        for number in range(count):
            q = " ".join(rng.choices(WORDS[5:], k=rng.randint(2, 9)))
            ids = torch.tensor([tokenizer.encode(f"Q: {q} A:")])
            said = tokenizer.decode(model.generate(ids, max_new_tokens=2, do_sample=False)[0, -2:])
            options = [" ".join(rng.choices(WORDS[5:], k=rng.randint(1, 3))) for _ in range(4)]
            text = " ".join(rng.choices(WORDS[5:], k=rng.choice([3, 20, 2 * CONTEXT + 5])))
            doc = {"q": q, "a": said if number % 2 else "b c", "options": options, "text": text}
            docs.append({**doc, "gold": rng.randrange(4)})
        splits[split] = docs
    return splits


def write_tasks(folder: Path, documents: dict[str, list[dict[str, Any]]]) -> None:
    files = {}
    for split, docs in documents.items():
        files[split] = str(folder / f"{split}.jsonl")
        Path(files[split]).write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    common = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files},
        "training_split": "train",
        "test_split": "test",
        "fewshot_split": "train",
        "doc_to_text": "Q: {{q}} A:",
        "metadata": {"version": 1.0},
    }
    for name, own in TASKS.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **common, **own}))
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "own.yaml").write_text(
        yaml.safe_dump({"task": "own", **common, "output_type": "loglikelihood"})
        + "doc_to_target: ' {{a}}'\nprocess_results: !function helpers.judge\nmetric_list:\n"
        + "  - {metric: score, aggregation: mean, higher_is_better: true}\n"
        + "  - {metric: spread, aggregation: !function helpers.spread, higher_is_better: false}\n"
        + "  - {metric: never, aggregation: mean, higher_is_better: true}\n"
    )


def _mean(*names: str, better: bool = True) -> list[dict[str, Any]]:
    return [{"metric": n, "aggregation": "mean", "higher_is_better": better} for n in names]


def _extract(name: str, pattern: str) -> dict[str, Any]:
    first = {"function": "take_first"}
    return {"name": name, "filter": [{"function": "regex", "regex_pattern": pattern}, first]}


TASKS: dict[str, dict[str, Any]] = {
    "pick": {
        "output_type": "multiple_choice",
        "doc_to_choice": "{{options}}",
        "doc_to_target": "{{gold}}",
        "metric_list": [
            *_mean("acc", "acc_norm"),
            {"metric": "mcc", "aggregation": "matthews_corrcoef", "higher_is_better": True},
        ],
    },
    "next": {
        "output_type": "loglikelihood",
        "doc_to_target": " {{a}}",
        "num_fewshot": 0,
        "metric_list": [
            {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False},
            *_mean("acc"),
        ],
    },
    "text": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{text}}",
        "metric_list": [
            {"metric": m, "aggregation": a, "higher_is_better": False}
            for m, a in (
                ("word_perplexity", "weighted_perplexity"),
                ("byte_perplexity", "weighted_perplexity"),
                ("bits_per_byte", "bits_per_byte"),
            )
        ],
    },
    "say": {
        "output_type": "generate_until",
        "doc_to_target": "{{a.split()[0]}}",
        "generation_kwargs": {"until": ["Q:"], "do_sample": False, "max_gen_toks": 4},
        "filter_list": [_extract("first", r"(\w+)"), _extract("last", r"(\w+)$")],
        "metric_list": _mean("exact_match"),
    },
    "dream": {
        "output_type": "generate_until",
        "doc_to_target": "{{a.split()[0]}}",
        "generation_kwargs": {
            "until": ["Q:"],
            "do_sample": True,
            "temperature": 1.0,
            "max_gen_toks": 2,
        },
        "filter_list": [_extract("first", r"(\w+)")],
        "metric_list": _mean("exact_match"),
    },
}

HELPERS = """
import os


def judge(doc, results):
    if os.environ.get("HELPER_FAILS") and doc["gold"] == 3:
        raise RuntimeError("no such page")
    ll, greedy = results[0]
    return {"score": float(os.environ.get("HELPER_SAYS", greedy)), "spread": ll}


def spread(values):
    return max(values) - min(values)
"""
