"""Finds merge methods: every file of this folder that declares METHOD, and plug-ins.

A plug-in package announces a method under its own name in the entry-point group
`optimerge.methods` (`optimerge.plugins`).
"""

import importlib
import pkgutil
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from optimerge.errors import MethodError, OptimergeError, did_you_mean
from optimerge.methods.protocol import Kernel, MergeMethod, TensorGroup
from optimerge.plugins import Package, Plugins

if TYPE_CHECKING:
    from torch import Tensor

PLUGINS = Plugins("optimerge.methods", MergeMethod, "merge method")


@cache
def own_methods() -> dict[str, MergeMethod]:
    """Return the methods of this folder by name, sorted; imports neither torch nor numpy."""
    package = importlib.import_module("optimerge.methods")
    found: dict[str, MergeMethod] = {}
    for module in pkgutil.iter_modules(package.__path__, "optimerge.methods."):
        declared = getattr(importlib.import_module(module.name), "METHOD", None)
        if isinstance(declared, MergeMethod):
            found[declared.name] = declared
    return dict(sorted(found.items()))


def all_methods() -> dict[str, MergeMethod]:
    """Return every method that can be used by name, sorted; those of plug-ins too."""
    own = own_methods()
    return dict(sorted((own | {n: method_named(n) for n in PLUGINS.usable(own)}).items()))


@cache
def method_named(name: str) -> MergeMethod:
    """Return the method of that name; MethodError with the nearest name if there is none.

    Plug-ins are looked for only if optimerge has none of that name; PluginError if one cannot be
    used.
    """
    own = own_methods()
    found = own.get(name) or _plugged(name)
    if found is None:
        known = [*own, *PLUGINS.names()]
        hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
        raise MethodError(f"unknown merge method {name!r}{hint}")
    return found


def package_of_method(name: str) -> Package | None:
    """Return the package that a method comes from; None if it is optimerge's own."""
    return None if name in own_methods() else PLUGINS.package(name)


def maker_of_method(name: str) -> str | None:
    """Return who made a method, as runs record it; None if it is optimerge's own."""
    return PLUGINS.maker(name, own_methods())


def _plugged(name: str) -> MergeMethod | None:
    found = PLUGINS.named(name, own_methods())
    if found is None:
        return None
    where = f"{found.name} of {PLUGINS.package(name)}"
    # All that mergekit has is here, so it has no plug-in, whatever the plug-in leaves out.
    return replace(found, mergekit=False, kernel=partial(_called, where, found.kernel))


def _called(where: str, kernel: Kernel, group: TensorGroup) -> "Tensor":
    """Merge; MethodError, which names the package, for what its kernel does by mistake."""
    try:
        merged = kernel(group)
    except (OptimergeError, MemoryError):
        raise
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's, which is not imported for that
            raise
        said = str(error).partition("\n")[0]
        raise MethodError(
            f"{where} raised {type(error).__name__} in its kernel ({said}); mend the package"
        ) from error
    wanted = (group.inputs[0] if group.base is None else group.base).shape
    if merged.shape != wanted:
        raise MethodError(
            f"{where} made a tensor of shape {tuple(merged.shape)} of tensors of shape "
            f"{tuple(wanted)} in its kernel; mend the package"
        )
    return merged
