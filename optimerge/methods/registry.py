"""Finds merge methods: every file of this folder that declares METHOD, and plug-ins.

A plug-in package announces its methods under the entry-point group `optimerge.methods`.
"""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from optimerge.errors import MethodError, did_you_mean
from optimerge.methods.protocol import MergeMethod


@cache
def all_methods() -> dict[str, MergeMethod]:
    """Return every known method by name, sorted; imports neither torch nor numpy."""
    package = importlib.import_module("optimerge.methods")
    found: dict[str, MergeMethod] = {}
    for module in pkgutil.iter_modules(package.__path__, "optimerge.methods."):
        declared = getattr(importlib.import_module(module.name), "METHOD", None)
        if isinstance(declared, MergeMethod):
            found[declared.name] = declared
    for point in entry_points(group="optimerge.methods"):
        plugin = point.load()
        found[plugin.name] = plugin
    return dict(sorted(found.items()))


def method_named(name: str) -> MergeMethod:
    """Return the method of that name; MethodError with the nearest name if there is none."""
    known = all_methods()
    if name not in known:
        hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
        raise MethodError(f"unknown merge method {name!r}{hint}")
    return known[name]
