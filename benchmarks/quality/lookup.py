"""Surfaces by name, and the groups that tables are made of."""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.surfaces.surface import Surface
from benchmarks.surfaces.synthetic import SYNTHETIC, synthetic
from optimerge.errors import RunError, did_you_mean

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "default zoo": ("A6", "A24", "Amix", "A6s1"),
        "hard zoo": ("B8", "B24", "B96"),
        "synthetic, merge-like": ("merge2", "merge6", "mixed7", "merge24", "merge100"),
        "synthetic, known fronts": ("dtlz6", "zdt24"),
    }
)
"""The surfaces of the protocol, by group."""

REAL = " (real)"
"""What the names of surfaces end with in records of runs on real merges."""


def group_of(surface: str) -> str:
    """Return the group of a surface; other seeds' belong to none of the protocol's."""
    if surface.endswith(REAL):
        return "real merges"
    return next((group for group, names in GROUPS.items() if surface in names), "other")


def surface_named(name: str, *, real: bool = False) -> Surface:
    """Return a surface: synthetic, or of the zoos (emulated, or measured for real).

    RunError if there is none of that name.
    """
    if name.partition("+")[0] in SYNTHETIC and not real:
        return synthetic(name)
    zoos = (*GROUPS["default zoo"], *GROUPS["hard zoo"])
    if name not in zoos:
        known = zoos if real else [n for names in GROUPS.values() for n in names]
        hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
        raise RunError(f"surface {name!r} is not known{hint}")
    if real:
        from benchmarks.surfaces.real import real as measured

        return measured(name)
    from benchmarks.surfaces.emulated import emulated

    return emulated(name)
