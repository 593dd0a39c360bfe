"""Reads the text and prompt files that objectives name, and turns prompts into tokens."""

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.context import Context


def read_text(where: str, file: str, context: Context) -> str:
    """Return a file's text, of which the objective takes note; TaskError as of `text_of`."""
    text = text_of(where, file, context.folder)
    context.texts.append(text)
    return text


def read_prompts(where: str, file: str, context: Context) -> list[str]:
    """Return the prompts of a file, of which the objective takes note: see `prompts_of`."""
    return list(_prompts(read_text(where, file, context), where, context.folder / file))


def text_of(where: str, file: str, folder: Path) -> str:
    """Return a file's text; TaskError, which begins with `where`, if there is none."""
    path = folder / Path(file).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TaskError(
            f"{where}: {path}: no such file; name one, relative to the search-space file"
        ) from None
    except UnicodeDecodeError as error:
        raise TaskError(
            f"{where}: {path}: is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    except OSError as error:
        raise TaskError(f"{where}: {path}: cannot be read ({error.strerror})") from None
    if not text.strip():
        raise TaskError(f"{where}: {path}: is empty; put text in it, or name another file")
    return text


def prompts_of(where: str, file: str, folder: Path) -> list[str]:
    """Return the prompts of a file: its lines, or the `prompt` of each line of a .jsonl file.

    Empty lines are passed over.
    """
    return list(_prompts(text_of(where, file, folder), where, folder / file))


def _prompts(text: str, where: str, path: Path) -> Iterator[str]:
    # Not splitlines: that also cuts at characters that may stand inside a prompt.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and path.name.endswith((".jsonl", ".json")):
            yield _prompt(f"{where}: {path}: line {number}", line)
        elif line.strip():
            yield line.rstrip("\r")


def _prompt(where: str, line: str) -> str:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise TaskError(f"{where}: is not JSON ({error.msg}); write one object a line") from None
    prompt = found.get("prompt") if isinstance(found, dict) else None
    if not isinstance(prompt, str) or not prompt.strip():
        raise TaskError(f'{where}: has no text under "prompt"; write {{"prompt": "..."}}')
    return prompt


def prompt_tokens(
    where: str, prompts: Sequence[str], context: Context, *, chat: bool
) -> list[list[int]]:
    """Return the token ids of each prompt, with the special tokens that the tokenizer adds."""
    tokenizer: Any = context.tokenizer
    if not chat:
        rows = [list(tokenizer(prompt)["input_ids"]) for prompt in prompts]
    elif tokenizer.chat_template is None:
        raise TaskError(
            f"{where}: chat_template: the tokenizer {tokenizer.name_or_path!r} has none; "
            "set chat_template: false"
        )
    else:
        texts = (_chat(tokenizer, prompt) for prompt in prompts)
        rows = [list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
    for prompt, row in zip(prompts, rows, strict=True):
        if not row:
            raise TaskError(f"{where}: the prompt {prompt[:40]!r} has no tokens; leave it out")
    return rows


def _chat(tokenizer: Any, prompt: str) -> str:
    message = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))


def digest_rows(kind: str, rows: Sequence[Sequence[int]]) -> str:
    """Return 32 hex digits of what is scored: its kind and all token ids."""
    return digest_parts(kind, (json.dumps(list(row)) for row in rows))


def digest_parts(kind: str, parts: "Iterator[str]") -> str:
    """Return 32 hex digits of some texts."""
    hasher = blake2b(kind.encode(), digest_size=16)
    for part in parts:
        hasher.update(b"\n" + part.encode())
    return hasher.hexdigest()
