"""A tiny family with two tasks on which the base, or one expert, is always right."""

import json
import shutil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

DOCUMENTS = 150
OBJECTIVES = """\
  - {task: echo, search_items: 140, test_items: 10}
  - {task: mimic, search_items: 140, test_items: 10}
"""


def make_racing_family(family: Path, folder: Path) -> Path:
    """Copy a family; gold of `echo` is what its base answers, gold of `mimic` what red answers.

    Blue answers neither, so that merges with much of it are beaten by base and red.
    """
    shutil.copytree(family, folder)
    tasks, old = folder / "tasks", (folder / "tasks" / "echo.yaml").read_text()
    for task, model in (("echo", "base"), ("mimic", "red")):
        rows = golden(folder / model)
        data = tasks / f"{task}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        text = old.replace(str(family / "tasks" / "echo.jsonl"), str(data))
        assert str(data) in text
        text = text.replace("task: echo", f"task: {task}")
        (tasks / f"{task}.yaml").write_text(text)
    file = folder / "space.yaml"
    start = "  - {task: echo, search_items: 30, test_items: 10}\n"
    assert start in file.read_text()
    file.write_text(file.read_text().replace(start, OBJECTIVES))
    return folder


def golden(model: Path) -> list[dict[str, object]]:
    """Return documents whose gold is the option that the model finds the likeliest."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    live = AutoModelForCausalLM.from_pretrained(model)
    rows = []
    for i in range(DOCUMENTS):
        question = f"w{i % 20} w{i * 7 % 20} w{i // 20} w{i * i % 20}"
        options = [f"w{(i * 3 + k * 5) % 20}" for k in range(4)]
        with torch.no_grad():
            asked = tokenizer(f"{question} =", return_tensors="pt")["input_ids"]
            logits = live(asked).logits[0, -1]
        ids = [tokenizer.convert_tokens_to_ids(option) for option in options]
        rows.append({"q": question, "options": options, "gold": int(logits[ids].argmax())})
    return rows
