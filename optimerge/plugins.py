"""Finds what installed packages add: merge methods, samplers, objectives, as entry points.

An entry point's name is that of what it adds, so names are known without importing anything: a
package is imported when something of it is asked for by name, or when all there is is listed.
What optimerge has itself goes first and never looks here.
"""

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from optimerge.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Named(Protocol):
    """What goes by a name."""

    @property
    def name(self) -> str:
        """What recipes and search spaces call it."""


T = TypeVar("T", bound=Named)


@dataclass(frozen=True)
class Package:
    """An installed package."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


OWN = "optimerge"
"""Whose the built-in ones are."""


@dataclass(frozen=True)
class Plugins(Generic[T]):
    """The plug-ins of one kind; nothing is looked for before it is asked for."""

    group: str
    """Of entry points."""
    kind: type[T]
    """What each must be."""
    noun: str

    def names(self) -> list[str]:
        """Return the names that packages announce, sorted; imports none of the packages."""
        return sorted(_announced(self.group))

    def package(self, name: str) -> Package | None:
        """Return the package that announces a name; None if none does."""
        found = _announced(self.group).get(name)
        return _package(found[0]) if found else None

    def named(self, name: str, own: Collection[str]) -> T | None:
        """Return the plug-in of that name; None if no package announces it.

        `own`: names that optimerge has itself. PluginError if it cannot be used.
        """
        self.refuse_clash(name, own)
        points = _announced(self.group).get(name)
        return self._loaded(name, points[0]) if points else None

    def maker(self, name: str, own: Collection[str]) -> str | None:
        """Return who made a plug-in, as runs record it: package, version, digest of its Python.

        Of all files of the import package that the entry point's module lies in. None if the name
        is optimerge's own, or no package announces it.
        """
        if name in own or self.named(name, own) is None:
            return None
        point = _announced(self.group)[name][0]
        return f"{_package(point)} (source {_digest(point.module)})"

    def usable(self, own: Collection[str]) -> dict[str, T]:
        """Return the plug-ins that can be used, by name; imports all packages."""
        return {found.name: found for found in self._each(own) if isinstance(found, self.kind)}

    def broken(self, own: Collection[str]) -> list[PluginError]:
        """Return what is wrong with those that cannot be used; imports all packages."""
        return [found for found in self._each(own) if isinstance(found, PluginError)]

    def refuse_clash(self, name: str, own: Collection[str]) -> None:
        """Raise PluginError if two have one name."""
        points = _announced(self.group).get(name, ())
        owners = [OWN] if name in own else []
        owners += [str(_package(point)) for point in points]
        if len(owners) > 1:
            raise PluginError(
                f"there are two of the {self.noun} {name!r}: {owners[0]} has one, and so has "
                f"{owners[1]} (entry point {_text(points[-1])}); uninstall {owners[1]}, or have "
                "its entry point renamed"
            )

    def _each(self, own: Collection[str]) -> Iterator[T | PluginError]:
        for name in self.names():
            try:
                if found := self.named(name, own):
                    yield found
            except PluginError as error:
                yield error

    def _loaded(self, name: str, point: "EntryPoint") -> T:
        where = f"{_package(point)}: its entry point {_text(point)} in {self.group}"
        remedy = f"mend it, or uninstall {_package(point).name}"
        try:
            found = point.load()
        except Exception as error:
            said = str(error).partition("\n")[0]
            raise PluginError(
                f"{where} cannot be loaded ({type(error).__name__}: {said}); {remedy}"
            ) from error
        if not isinstance(found, self.kind):
            wanted, given = self.kind.__name__, type(found).__name__
            raise PluginError(f"{where} is no {wanted} but of type {given}; {remedy}")
        if found.name != name:
            raise PluginError(
                f"{where} names the {self.noun} {found.name!r}; both names must be one; {remedy}"
            )
        return found


@cache
def _announced(group: str) -> "dict[str, tuple[EntryPoint, ...]]":
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in sorted(entry_points(group=group), key=lambda p: _package(p).name):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def _digest(module: str) -> str:
    """Return the digest of all Python of the outermost regular package that holds a module."""
    parts = module.split(".")
    holders = [sys.modules[".".join(parts[: n + 1])] for n in range(len(parts))]
    made = next((m for m in holders if getattr(m, "__file__", None)), None)
    file = Path(str(made.__file__)) if made else None
    found = blake2b(digest_size=8)
    if file is not None:
        several = made is not None and hasattr(made, "__path__")
        for each in sorted(file.parent.rglob("*.py")) if several else [file]:
            found.update(f"{each.relative_to(file.parent)}\0".encode())
            found.update(blake2b(each.read_bytes()).digest())
    return found.hexdigest()


def same_source(one: str, other: str) -> bool:
    """Whether what two makers made is the same Python, of whatever version.

    >>> same_source("mine 0.1 (source ab)", "mine 0.2 (source ab)")
    True
    """
    return one.rpartition(" (source ")[2] == other.rpartition(" (source ")[2]


def forget() -> None:
    """Look again at what is installed when next asked; for tests."""
    _announced.cache_clear()


def _package(point: "EntryPoint") -> Package:
    assert point.dist is not None, "entry_points() gives those of distributions"
    return Package(point.dist.name, point.dist.version)


def _text(point: "EntryPoint") -> str:
    return f"{point.name!r} = {point.value!r}"
