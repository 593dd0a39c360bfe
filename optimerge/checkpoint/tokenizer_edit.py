"""Makes new tokenizers of old ones: without tokens that have no row, with more tokens."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from optimerge.checkpoint.tokenizer import TokenizerFiles, added_token, special_tokens
from optimerge.errors import CheckpointError


def without_rowless(tokenizer: TokenizerFiles, rows: int) -> TokenizerFiles:
    """Return the tokenizer without the tokens whose id is `rows` or more.

    The model has no embedding for them. The same tokenizer, if there are none.
    """
    gone = {token for token, number in tokenizer.ids.items() if number >= rows}
    if not gone:
        return tokenizer
    data = json.loads(tokenizer.text)
    data["added_tokens"] = [e for e in data["added_tokens"] if e["content"] not in gone]
    model = data["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {t: n for t, n in model["vocab"].items() if n < rows}
    else:
        model["vocab"] = model["vocab"][:rows]
    if "merges" in model:
        model["merges"] = [pair for pair in model["merges"] if not _parts(pair) & gone]
    settings = _without(tokenizer.settings, gone)
    return replace(_checked(tokenizer, data), settings=settings)


def with_added(tokenizer: TokenizerFiles, entries: Sequence[Mapping[str, Any]]) -> TokenizerFiles:
    """Return the tokenizer with more tokens, numbered in the order given behind its last.

    `entries` are those of tokenizer.json's added_tokens; their ids are not looked at. A token
    that it has in its vocabulary keeps its id and becomes an added token.
    """
    from tokenizers import Tokenizer

    if not entries:
        return tokenizer
    backend = Tokenizer.from_str(tokenizer.text)
    backend.add_tokens([added_token(entry) for entry in entries])
    found = replace(tokenizer, text=str(backend.to_str()), changed=True)
    if len(set(found.ids.values())) < len(found.ids):
        raise CheckpointError(
            f"the tokenizer in {str(tokenizer.folder)!r} numbers its tokens with gaps, so no "
            "token can be added to it; take another `source` for the tokenizer"
        )
    if "added_tokens_decoder" not in found.settings:
        return found
    decoder = {
        str(e["id"]): {k: v for k, v in e.items() if k != "id"} for e in found.added.values()
    }
    return replace(found, settings={**found.settings, "added_tokens_decoder": decoder})


def plain_tokens(tokens: Iterable[str]) -> list[dict[str, Any]]:
    """Return entries for tokens that are not special: matched in the normalised text."""
    return [{"content": token, "normalized": True, "special": False} for token in tokens]


def _parts(pair: Any) -> set[str]:
    left, right = pair.split(" ") if isinstance(pair, str) else pair
    return {left, right, left + right}


def _without(settings: Mapping[str, Any], gone: set[str]) -> dict[str, Any]:
    kept = dict(settings)
    for key, entry in special_tokens(settings):
        if entry["content"] in gone and key.endswith("_token"):
            del kept[key]
    for key in ("extra_special_tokens", "additional_special_tokens"):
        if isinstance(kept.get(key), list):
            kept[key] = [t for t in kept[key] if _content(t) not in gone]
        elif isinstance(kept.get(key), dict):
            kept[key] = {k: t for k, t in kept[key].items() if _content(t) not in gone}
    if "added_tokens_decoder" in kept:
        decoder = kept["added_tokens_decoder"].items()
        kept["added_tokens_decoder"] = {k: t for k, t in decoder if t["content"] not in gone}
    return kept


def _content(token: Any) -> str:
    return str(token["content"] if isinstance(token, dict) else token)


def _checked(tokenizer: TokenizerFiles, data: dict[str, Any]) -> TokenizerFiles:
    from tokenizers import Tokenizer

    text = json.dumps(data, ensure_ascii=False)
    try:
        Tokenizer.from_str(text)
    except Exception as error:  # the library raises plain Exception
        raise CheckpointError(
            f"the tokenizer in {str(tokenizer.folder)!r} has tokens that its model has no "
            f"embedding for, and cannot be loaded without them ({error}); remove them from it, "
            "or take another `source` for the tokenizer"
        ) from error
    return replace(tokenizer, text=text, changed=True)
