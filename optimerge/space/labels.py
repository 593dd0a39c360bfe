"""Short names for models: what dimensions and tables call an expert."""

from collections.abc import Container, Iterable
from pathlib import PurePath
from typing import Any


def short_names(references: Iterable[str]) -> dict[str, str]:
    """Return the shortest ending of each reference that tells it from the others.

    >>> short_names(["org/math-7b", "org/code-7b"])
    {'org/math-7b': 'math-7b', 'org/code-7b': 'code-7b'}
    >>> short_names(["a/model", "b/model"])
    {'a/model': 'a/model', 'b/model': 'b/model'}
    >>> short_names(["org/base+math", "org/base+code"])
    {'org/base+math': 'math', 'org/base+code': 'code'}
    """
    wanted = list(dict.fromkeys(references))
    return {r: next(n for n in _endings(r) if _tells(n, r, wanted)) for r in wanted}


def _endings(reference: str) -> list[str]:
    # Of a base with an adapter, the adapter's name says more.
    found = [reference]
    for text in (reference, reference.rpartition("+")[2]):
        parts = PurePath(text).parts or (text,)
        found = ["/".join(parts[-k:]) for k in range(1, len(parts) + 1)] + found
    return found


def _tells(name: str, reference: str, others: list[str]) -> bool:
    if name == reference:
        return True
    return not any(name in _endings(other) for other in others if other != reference)


def labels_of(
    template: dict[str, Any], searched: Container[tuple[str | int, ...]] = ()
) -> dict[tuple[str | int, ...], str]:
    """Return the label of every place in a recipe's data that names a model.

    `searched`: sites of models that have a range; their places go by number, not by name.
    """
    places = dict(_places(template, ()))
    names = short_names(places.values())
    return {
        site: _label(site, "" if (*site, "model") in searched else names[model])
        for site, model in places.items()
    }


def _places(data: Any, site: tuple[str | int, ...]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(data, dict):
        if isinstance(data.get("model"), str):
            yield site, data["model"]
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for key, part in items:
        yield from _places(part, (*site, key))


def _label(site: tuple[str | int, ...], name: str) -> str:
    if "slices" not in site:
        return name
    return f"{slice_label(site)}.{name or f'source {int(site[-1]) + 1}'}"


def slice_label(site: tuple[str | int, ...]) -> str:
    """Return what the slice is called that a site lies in: "slice 2"."""
    return f"slice {int(site[site.index('slices') + 1]) + 1}"
