"""The texts to calibrate on: from a file, or solved training examples of an lm-eval task."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.guard import lm_eval_seeds, no_bars, templates_compiled_once
from optimerge.objectives.loading import TaskLibrary
from optimerge.space.objectives import TaskObjective


@dataclass(frozen=True)
class Documents:
    """Texts, and where they are from."""

    texts: tuple[str, ...]
    source: str

    @property
    def digest(self) -> str:
        """32 hex digits that identify the texts and their order."""
        hasher = hashlib.blake2b(digest_size=16)
        for text in self.texts:
            hasher.update(json.dumps(text).encode() + b"\n")
        return hasher.hexdigest()


def from_file(file: Path, count: int, seed: int) -> Documents:
    """Draw `count` documents of a text file, all if it has no more.

    One document a line; of .jsonl, the "text" of each line. Lines without text are left out.
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise TaskError(f"{file}: is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise TaskError(f"{file}: cannot be read: {error.strerror}; correct --text") from None
    if file.suffix == ".jsonl":
        lines = [_text(line, file, n) for n, line in enumerate(lines, start=1) if line.strip()]
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise TaskError(f"{file}: holds no text; give a file with one document a line")
    return Documents(_drawn(texts, count, f"{seed}/calibration"), f"text {file.name}")


def _text(line: str, file: Path, number: int) -> str:
    try:
        text = json.loads(line)["text"]
        if isinstance(text, str):
            return text
    except (ValueError, KeyError, TypeError):
        pass
    raise TaskError(f'{file}: line {number} is not {{"text": "..."}}; mend it')


def from_task(
    name: str, include_path: Path | None, count: int, seed: int, *, allow_code: bool = False
) -> Documents:
    """Draw `count` solved examples of a task's training (else validation) split.

    Never of the split that a search and its test score on, nor one that reads like an example of
    it. TaskError if the task has no other split.
    """
    with lm_eval_seeds():
        task, _ = TaskLibrary(include_path, allow_code=allow_code).load(TaskObjective(task=name))
    split, examples = _split(task, name)
    with lm_eval_seeds(), no_bars(), templates_compiled_once():
        try:
            kept = _unscored(task, examples, count, f"{seed}/calibration/{name}")
        except Exception as error:
            raise TaskError(
                f"task {name!r}: its {split} split cannot be rendered as text "
                f"({type(error).__name__}: {str(error)[:200]}); give --text FILE instead"
            ) from error
    if not kept:
        raise TaskError(
            f"task {name!r}: every document of its {split} split is one that a search scores on; "
            "give --text FILE, or a task with a training split of its own"
        )
    return Documents(kept, f"task {name}, {split} split")


def _split(task: Any, name: str) -> tuple[str, Any]:
    """Return the split to calibrate on: its kind and documents."""
    if task.has_training_docs():
        return "training", task.training_docs()
    if task.has_validation_docs() and task.has_test_docs():  # a search scores on the test split
        return "validation", task.validation_docs()
    only = "test" if task.has_test_docs() else "validation"
    raise TaskError(
        f"task {name!r} has only a {only} split, which searches score on, so it is not calibrated "
        "on; give --text FILE, or a task with a training split"
    )


def _unscored(task: Any, examples: Any, count: int, key: str) -> tuple[str, ...]:
    """Draw `count` different examples that are none of those a search scores on."""
    seen = {"", *(_solved(task, doc) for doc in task.eval_docs)}
    kept: list[str] = []
    for index in Random(key).sample(range(len(examples)), len(examples)):
        text = _solved(task, examples[index])
        if text not in seen:
            seen.add(text)
            kept.append(text)
        if len(kept) == count:
            break
    return tuple(kept)


def _solved(task: Any, doc: Any) -> str:
    """Return question and right answer as lm-eval writes an example into a prompt."""
    question, answer = task.doc_to_text(doc), task.doc_to_target(doc)
    choices: Any = task.doc_to_choice(doc) if task.config.doc_to_choice else None
    if task.multiple_input:
        question, choices = choices[question], None
    turn = task.build_qa_turn(
        q=question,
        c=choices,
        a=answer,
        gen_prefix=task.resolve_field(doc, task.config.gen_prefix),
        tgt_delim=task.config.target_delimiter,
        few_delim="",
    )
    return "".join(message.to_text() for message in turn).strip()


def _drawn(texts: list[str], count: int, key: str) -> tuple[str, ...]:
    order = list(texts)
    Random(key).shuffle(order)
    return tuple(order[:count])
