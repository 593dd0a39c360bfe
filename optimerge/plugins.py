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
        """Return who made a plug-in, as runs record it: package, version, digest of its file.

        The file is the one that the entry point names; others of the package go by its version.
        None if the name is optimerge's own, or no package announces it.
        """
        if name in own or self.named(name, own) is None:
            return None
        point = _announced(self.group)[name][0]
        file = getattr(sys.modules[point.module], "__file__", None)
        digest = blake2b(Path(file).read_bytes() if file else b"", digest_size=8).hexdigest()
        return f"{_package(point)} (source {digest})"

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


def forget() -> None:
    """Look again at what is installed when next asked; for tests."""
    _announced.cache_clear()


def _package(point: "EntryPoint") -> Package:
    assert point.dist is not None, "entry_points() gives those of distributions"
    return Package(point.dist.name, point.dist.version)


def _text(point: "EntryPoint") -> str:
    return f"{point.name!r} = {point.value!r}"
