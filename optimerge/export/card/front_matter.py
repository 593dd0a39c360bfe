"""Reads what a parent's model card says of it: the keys before its text, never the text.

The card is a stranger's. Of its keys only those are read whose values are names of a known form.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimerge.errors import RecipeError
from optimerge.recipe.read import parse_yaml

CARD = "README.md"
MOST_BYTES = 200_000
"""Read of a card; its front matter stands first."""
_BLOCK = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
"""A licence, a language, a pipeline tag of the Hub."""
_LINK = re.compile(r"https://[A-Za-z0-9.-]+(?:/[\w./~%+-]*)?", re.ASCII)
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


@dataclass(frozen=True)
class Licence:
    """A licence as the Hub's metadata name it; `name` and `link` where it is "other"."""

    tag: str
    name: str = ""
    link: str = ""

    @property
    def shown(self) -> str:
        """What people read."""
        return f"{self.tag} ({self.name})" if self.name else self.tag


@dataclass(frozen=True)
class Said:
    """What a card says; what it does not, or not in a known form, is empty."""

    licence: Licence | None = None
    languages: tuple[str, ...] = ()
    pipeline: str = ""
    base_models: tuple[str, ...] = ()


def read_card(folder: Path) -> Said:
    """Return what the card in a model folder says; nothing, if there is none or it is no card."""
    try:
        with (folder / CARD).open("rb") as file:
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:  # most folders have none
        return Said()
    return said_by(text)


def said_by(text: str) -> Said:
    """Return what the text of a card says before its body.

    >>> said_by("---\\nlicense: mit\\nlanguage: [en, ja]\\n---\\n# Hello").languages
    ('en', 'ja')
    """
    found = _BLOCK.match(text.removeprefix("\ufeff"))
    if found is None:
        return Said()
    try:
        data = parse_yaml(found[1], CARD)
    except RecipeError:  # not YAML: it says nothing
        return Said()
    return Said(
        licence=_licence(data),
        languages=tuple(sorted(_words(data.get("language")))),
        pipeline=next(iter(_words(data.get("pipeline_tag"))), ""),
        base_models=tuple(t for t in _texts(data.get("base_model")) if is_hub_name(t)),
    )


def is_hub_name(text: str) -> bool:
    """Whether a text has the form of a model's name on the Hub: `org/name`."""
    return _HUB_NAME.fullmatch(text) is not None and ".." not in text and "--" not in text


def _licence(data: Mapping[str, Any]) -> Licence | None:
    tags = _words(data.get("license"))
    if len(tags) != 1 or tags == ["unknown"]:
        return None
    if tags[0] != "other":
        return Licence(tags[0])
    name, link = data.get("license_name"), str(data.get("license_link") or "")
    known = name if isinstance(name, str) and _WORD.fullmatch(name) else ""
    return Licence("other", known, link if _LINK.fullmatch(link) else "")


def _words(value: Any) -> list[str]:
    return [text for text in _texts(value) if _WORD.fullmatch(text)]


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(v.strip() for v in values if isinstance(v, str)))
