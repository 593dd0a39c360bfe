"""The blocks of YAML files, each a section with a table of its keys."""

from collections.abc import Iterable

from docs.generate.declared import Key, keys
from docs.generate.markdown import code, docstring, heading, prose, table
from docs.generate.places import described_in


def blocks(part: str) -> list[str]:
    """Return the sections of the blocks of recipes, or of those that search spaces add."""
    return [
        text
        for model, place in described_in(part)
        for text in (heading(2, place.heading), docstring(model.__doc__), key_table(keys(model)))
    ]


def key_table(found: Iterable[Key]) -> str:
    """Return keys as a table."""
    rows = ((code(k.name), prose(k.meaning), k.type, k.default) for k in found)
    return table(("key", "meaning", "type", "default"), rows)
