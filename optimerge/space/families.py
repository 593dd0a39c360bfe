"""Which dimensions belong together: one parameter of one model, in other layers or other tensors.

For samplers: numbers of neighbouring layers act alike, so a model of scores may tie them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from optimerge.space.ranges import Dimension
from optimerge.space.slices import Site
from optimerge.space.space import SearchSpace


@dataclass(frozen=True)
class Family:
    """All dimensions of one parameter of one model (or of one shared parameter)."""

    site: Site
    """Where the parameter stands in the recipe's data; for merge_method, layers and models of
    slices, each a family of its own, where the range stands."""
    rows: tuple[tuple[Dimension, ...], ...]
    """One row for each filter (and for the rest), its dimensions ordered by layer."""

    @property
    def members(self) -> tuple[Dimension, ...]:
        """All of them, row after row."""
        return tuple(dimension for row in self.rows for dimension in row)


def families(space: SearchSpace) -> tuple[Family, ...]:
    """Return the families of a space in the order of its dimensions; each has a place in one."""
    found: dict[Site, dict[tuple[Site, str | None], list[Dimension]]] = {}
    for dimension in space.dimensions:
        rows = found.setdefault(parameter_site(dimension), {})
        rows.setdefault((_row_site(dimension.site), dimension.filter), []).append(dimension)
    return tuple(Family(s, tuple(map(_by_layer, rows.values()))) for s, rows in found.items())


def parameter_site(dimension: Dimension) -> Site:
    """Return where the dimension's parameter stands, without what is inside of its value."""
    site = dimension.site
    return site[: site.index("parameters") + 2] if "parameters" in site else site


def _row_site(site: Site) -> Site:
    # A knot of a gradient, [..., 'weight', 2] or [..., 'value', 2], is one of its row. So is one
    # filtered value of a list not: its site ends in 'value'.
    return site[:-1] if isinstance(site[-1], int) else site


def _by_layer(row: Iterable[Dimension]) -> tuple[Dimension, ...]:
    return tuple(
        sorted(row, key=lambda d: (d.group or 0, d.site[-1] if isinstance(d.site[-1], int) else 0))
    )
