"""Writes a tokenizer into a new model's folder, with the chat template and the config's ids."""

import json
from pathlib import Path
from typing import Any

from optimerge.checkpoint.config import INNER, read_config
from optimerge.checkpoint.copying import copy_content, is_refused
from optimerge.checkpoint.json_file import read_object
from optimerge.checkpoint.tokenizer import (
    CHAT_FILES,
    FAST,
    SETTINGS,
    TOKENIZER_FILES,
    TokenizerFiles,
)

TEMPLATE = "chat_template.jinja"
_PATHS = ("name_or_path", "_name_or_path", "tokenizer_file", "vocab_file", "merges_file")
"""Settings that may hold a path of the machine on which they were written."""


def write_tokenizer(tokenizer: TokenizerFiles, directory: Path) -> None:
    """Put the tokenizer and its chat template into `directory` in the place of what is there.

    One that was not changed is copied file by file; a changed one is its tokenizer.json and
    tokenizer_config.json, without the older forms, which would say something else.
    """
    for file in _matching(directory, (*TOKENIZER_FILES, *CHAT_FILES)):
        file.unlink()
    patterns = CHAT_FILES if tokenizer.changed else (*TOKENIZER_FILES, *CHAT_FILES)
    for file in _matching(tokenizer.folder, patterns):
        target = directory / file.relative_to(tokenizer.folder)
        target.parent.mkdir(exist_ok=True)
        copy_content(file, tokenizer.folder, target)
    if tokenizer.changed:
        settings = {k: v for k, v in tokenizer.settings.items() if k not in _PATHS}
        (directory / FAST).write_text(tokenizer.text + "\n", "utf-8")
        _write_object(directory / SETTINGS, settings)


def write_vocabulary_config(directory: Path, rows: int, owner: Path | None) -> None:
    """Set vocab_size in config.json, and take special tokens' ids from the model in `owner`.

    `owner`: the folder of the model whose tokenizer it is, where that is not the donor of the
    config: ids such as eos_token_id mean tokens of that tokenizer. Its generation_config.json
    replaces the donor's for the same reason.
    """
    config = read_config(directory)
    source = read_config(owner) if owner and (owner / "config.json").is_file() else {}
    places = _places(config, source)
    for place, ids in places:
        if "vocab_size" in place or not any("vocab_size" in other for other, _ in places):
            place["vocab_size"] = rows
        place.update({key: value for key, value in ids.items() if key.endswith("_token_id")})
    _write_object(directory / "config.json", config)
    if owner and (owner / "generation_config.json").is_file():
        name = "generation_config.json"
        copy_content(owner / name, owner, directory / name)


def write_chat_template(directory: Path, text: str) -> None:
    """Make `text` the chat template of the tokenizer in `directory`, and the only one."""
    for file in _matching(directory, CHAT_FILES):
        file.unlink()
    (directory / TEMPLATE).write_text(text, "utf-8")
    settings = directory / SETTINGS
    if settings.is_file():
        content = read_object(settings)
        if content.pop("chat_template", None) is not None:
            _write_object(settings, content)


def read_chat_template(folder: Path) -> str | None:
    """Return a model's default chat template, or None if it has none."""
    if (folder / TEMPLATE).is_file():
        return (folder / TEMPLATE).read_text(encoding="utf-8")
    for name in (SETTINGS, "chat_template.json"):
        if (folder / name).is_file():
            found = read_object(folder / name).get("chat_template")
            if isinstance(found, list):
                named = [t for t in found if isinstance(t, dict) and t.get("name") == "default"]
                found = named[0].get("template") if named else None
            if found:
                return str(found)
    return None


def _places(
    config: dict[str, Any], source: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    pairs = [(config, source)]
    for key in INNER:
        if isinstance(config.get(key), dict):
            inner = source.get(key)
            pairs.append((config[key], inner if isinstance(inner, dict) else {}))
    return pairs


def _matching(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    found = {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    return sorted(file for file in found if not is_refused(file.name))


def _write_object(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
