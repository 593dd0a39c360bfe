"""Bounds on a YAML text, looked at before anything is built of it.

A text of a few hundred bytes can mean billions of values (aliases of aliases), nest deeper than
Python recurses, or hold itself. Looking at the parser's events costs no more than the text is long.
"""

from typing import Any, NoReturn

import yaml

DEEPEST = 50
"""Levels of lists and mappings; a space with slices and gradients has eight."""
MOST_VALUES = 50_000
"""Values of a file, each alias counted as all that it stands for."""


class LimitError(yaml.MarkedYAMLError):
    """A YAML text that is deeper, or means more, than is read here."""

    def __init__(self, problem: str, mark: Any = None) -> None:
        super().__init__(None, None, problem, mark)


_Parser: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_limits(
    text: str | bytes, deepest: int = DEEPEST, most_values: int = MOST_VALUES
) -> frozenset[str]:
    """Return the tags that are written in a YAML text, resolved: "!function".

    MarkedYAMLError if the text is no YAML; LimitError, which is one, if it is nested deeper than
    `deepest`, stands for more than `most_values` values, or holds itself.
    """
    sizes: dict[str | None, int | None] = {}
    """Values under each anchor; None while it is not at its end."""
    open_nodes: list[tuple[str | None, int]] = []
    """Of each collection that is not at its end: its anchor, the values before it."""
    count = 0
    tags = set()
    for event in yaml.parse(text, Loader=_Parser):
        if isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor, 0)
            if size is None:
                _refuse(f"{event.anchor!r} stands inside itself", event)
            count += size or 1  # of an unknown anchor the reader complains
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            count += 1
            if event.tag is not None:
                tags.add(event.tag)
            if isinstance(event, yaml.CollectionStartEvent):
                if event.anchor is not None:
                    sizes[event.anchor] = None
                open_nodes.append((event.anchor, count - 1))
                if len(open_nodes) > deepest:
                    _refuse(f"it is nested deeper than {deepest} levels", event)
            elif event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        if count > most_values:
            _refuse(f"it stands for more than {most_values} values (aliases repeat them)", event)
    return frozenset(tags)


def _refuse(problem: str, event: Any) -> NoReturn:
    raise LimitError(problem, event.start_mark)
