"""Reads the tokenizer of a model folder, with the `tokenizers` library alone where it can.

What counts as a model's vocabulary is what transformers would load: the tokens of
tokenizer.json, then those that only tokenizer_config.json names (a `pad_token` that was set
after training, say), which get the ids behind the last one.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from optimerge.checkpoint.json_file import read_object
from optimerge.errors import CheckpointError

FAST, SETTINGS, SPECIAL = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
TOKENIZER_FILES = (
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt"),
    *("merges.txt", "*.tiktoken", "spiece.model", "*.bpe.model"),
)
"""What of a folder decides how text becomes tokens; by pattern."""
CHAT_FILES = ("chat_template.*", "additional_chat_templates/*.jinja")
SLOW = ("tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "*.tiktoken", "*.bpe.model")
_HIGHEST = 1 << 24
"""Ids from which a vocabulary is a mistake: the largest there are hold some 300 000 tokens, and to
write one takes the library time and memory by its highest id."""
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class TokenizerFiles:
    """A tokenizer: what its files say. Nothing in it is changed in place."""

    folder: Path
    """Where it came from, and where its other files (chat template) are."""
    text: str
    """tokenizer.json, complete."""
    settings: Mapping[str, Any]
    """tokenizer_config.json."""
    changed: bool = False
    """Whether it differs from the files in `folder`."""

    @cached_property
    def ids(self) -> dict[str, int]:
        """Every token's id, added tokens included, in the order of ids."""
        from tokenizers import Tokenizer

        found = Tokenizer.from_str(self.text).get_vocab(with_added_tokens=True)
        return dict(sorted(found.items(), key=lambda item: item[1]))

    @cached_property
    def added(self) -> dict[str, dict[str, Any]]:
        """The added tokens as tokenizer.json lists them, by their text."""
        return {entry["content"]: entry for entry in json.loads(self.text)["added_tokens"]}


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a tokenizer in some form."""
    return (folder / FAST).is_file() or any(
        file.is_file() for pattern in SLOW for file in folder.glob(pattern)
    )


def read_tokenizer(folder: Path) -> TokenizerFiles:
    """Return the tokenizer of a model folder; CheckpointError if there is none or it is broken.

    A folder without tokenizer.json (SentencePiece or tiktoken alone) is converted by
    transformers.
    """
    if not has_tokenizer(folder):
        raise CheckpointError(
            f"{str(folder)!r} has no tokenizer ({FAST} is expected); copy its files there"
        )
    if not (folder / FAST).is_file():
        return _converted(folder)
    settings = {**_read_object(folder / SPECIAL), **_read_object(folder / SETTINGS)}
    return TokenizerFiles(folder, _completed(folder / FAST, settings), settings)


def added_token(entry: Mapping[str, Any]) -> Any:
    """Return an entry of tokenizer.json's added_tokens as a `tokenizers.AddedToken`."""
    from tokenizers import AddedToken

    return AddedToken(entry["content"], **{k: entry[k] for k in _FLAGS if k in entry})


def special_tokens(settings: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (key, entry) for every special token that the settings name, added ones last."""
    for key, value in settings.items():
        if key.endswith("_token") and isinstance(value, str | dict):
            yield key, _entry(value)
    for key in ("extra_special_tokens", "additional_special_tokens"):
        value = settings.get(key) or []
        for token in value.values() if isinstance(value, dict) else value:
            yield key, _entry(token)


def _entry(token: Any) -> dict[str, Any]:
    # As transformers: a special token that is named by its text alone is not normalised.
    given = dict(token) if isinstance(token, dict) else {"content": token, "normalized": False}
    return {**given, "special": True}


def _completed(file: Path, settings: Mapping[str, Any]) -> str:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises plain Exception
        raise CheckpointError(
            f"{str(file)!r} is no tokenizer ({error}); copy or download it again"
        ) from error
    known = tokenizer.get_vocab(with_added_tokens=True)
    token = max(known, key=known.__getitem__, default="")
    if token and known[token] >= _HIGHEST:
        raise CheckpointError(
            f"{str(file)!r} gives token {token[:40]!r} the id {known[token]}, which no vocabulary "
            "reaches; copy or download it again"
        )
    try:
        decoder = settings.get("added_tokens_decoder") or {}
        listed = [decoder[key] for key in sorted(decoder, key=int)]
        wanted = [*listed, *(entry for _, entry in special_tokens(settings))]
        tokenizer.add_tokens([added_token(e) for e in wanted if e["content"] not in known])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{str(file.parent)!r}: the tokens that {SETTINGS} or {SPECIAL} names are none "
            f"({type(error).__name__}: {error}); copy or download these files again"
        ) from error
    return str(tokenizer.to_str())


def _converted(folder: Path) -> TokenizerFiles:
    from transformers import AutoTokenizer

    with TemporaryDirectory() as place:
        try:
            AutoTokenizer.from_pretrained(folder, trust_remote_code=False).save_pretrained(place)
            files = read_tokenizer(Path(place))
        except Exception as error:  # whatever its converters raise
            raise CheckpointError(
                f"{str(folder)!r} has no {FAST} and its tokenizer cannot be converted "
                f"({str(error).strip().partition(chr(10))[0]}); save it with a fast tokenizer"
            ) from error
    return TokenizerFiles(folder, files.text, files.settings, changed=True)


def _read_object(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    return read_object(file)
