"""A family of tiny models with a task, made once a session: the smallest thing to search on."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were not run because something is missing on this machine: a line a reason.

    Modules that are skipped as a whole are said even where none of their tests was asked for.
    """
    reasons: dict[str, dict[str, None]] = {}
    for each in terminalreporter.stats.get("skipped", []):
        if isinstance(each.longrepr, tuple | list):
            why = str(each.longrepr[2]).removeprefix("Skipped: ")
            reasons.setdefault(why, {})[each.nodeid] = None
    for why, which in reasons.items():
        terminalreporter.write_line(f"not run: {', '.join(which)}: {why}")


# Read when triton is first imported, which transformers does: its kernels run without a GPU.
os.environ.setdefault("TRITON_INTERPRET", "1")

# Read when torch, numpy and scipy are first imported. There are as many workers as this suite asks
# for; threads of theirs that wait for each other's processors cost many times what they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")

WORDS = [f"w{i}" for i in range(20)] + ["="]

SPACE = """\
merge_method: dare_ties
base_model: base
models:
  - model: red
    parameters: {weight: {low: 0.0, high: 1.0}, density: {low: 0.1, high: 1.0}}
  - model: blue
    parameters: {weight: {low: 0.0, high: 1.0}, density: {low: 0.1, high: 1.0}}
parameters: {normalize: false}
objectives:
  - {task: echo, search_items: 30, test_items: 10}
  - sparsity: nonzero
include_path: tasks
search: {sampler: random, trials: 8, seed: 0}
"""

TASK = """\
task: echo
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
output_type: multiple_choice
test_split: test
num_fewshot: 0
doc_to_text: "{{{{q}}}} ="
doc_to_choice: "{{{{options}}}}"
doc_to_target: gold
target_delimiter: " "
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""


class HasFileno(Protocol):
    """An open file."""

    def fileno(self) -> int: ...


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Let nothing wait until the disk has it: a run of trials asks for that hundreds of times.

    No test cuts the power, and what a process that is killed has written is not lost. A descriptor
    that is none is still an error; tests of failing disks put their own in its place.
    """

    def look(file: int | HasFileno) -> None:
        os.fstat(file if isinstance(file, int) else file.fileno())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", look)
        yield


@pytest.fixture(scope="session")
def made_family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make base, red and blue (random Llamas), a multiple-choice task and a search space."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("family")
    vocabulary = {word: i for i, word in enumerate(["<pad>", "<eos>", "<unk>", *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    generator = torch.Generator().manual_seed(7)
    model = LlamaForCausalLM(config)
    start = {
        n: torch.randn(t.shape, generator=generator) * 0.3 for n, t in model.state_dict().items()
    }
    for name in ("base", "red", "blue"):
        drift = 0.0 if name == "base" else 0.2
        for key, tensor in model.state_dict().items():
            tensor.copy_(start[key] + drift * torch.randn(tensor.shape, generator=generator))
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    _write_task(folder / "tasks")
    (folder / "space.yaml").write_text(SPACE)
    return folder


def _write_task(folder: Path) -> None:
    folder.mkdir()
    rows = []
    for i in range(60):
        options = [f"w{(i * 3 + k) % 20}" for k in range(4)]
        rows.append({"q": f"w{i % 20} w{i * 7 % 20} w{i // 20}", "options": options, "gold": i % 4})
    data = folder / "echo.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "echo.yaml").write_text(TASK.format(data=data))


@pytest.fixture
def family(made_family: Path, tmp_path: Path) -> Path:
    """Give the test its own copy of the family, to break as it likes."""
    folder = tmp_path / "family"
    shutil.copytree(made_family, folder)
    return folder
