"""The dimensions of a space's ranges: one a value, with a readable name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optimerge.errors import RecipeError
from optimerge.methods.protocol import Kind, Parameter
from optimerge.methods.registry import method_named
from optimerge.recipe.values import coerce
from optimerge.space.labels import labels_of, slice_label
from optimerge.space.layer_groups import group_label
from optimerge.space.ranges import Dimension, Range
from optimerge.space.slices import Site, bounds, is_structure, path_text, slice_of


def dimensions(
    template: Mapping[str, Any], ranges: Mapping[Site, Range], methods: Sequence[str], file: str
) -> Iterator[Dimension]:
    """Yield the dimensions of a checked space's ranges, in the order of the ranges.

    RecipeError if a range leaves the legal values of its parameter.
    """
    labels = labels_of(dict(template), ranges)
    for site, found in ranges.items():
        if site == ("merge_method",):
            yield Dimension(name="merge_method", site=site, range=found, kind=None)
            continue
        if is_structure(site):
            name, kind = _structure_name(labels, template, site, ranges)
            yield Dimension(name=name, site=site, range=found, kind=kind)
            continue
        name = str(site[site.index("parameters") + 1])
        owners = {m: p for m in methods if (p := method_named(m).parameter(name))}
        _check_ends(found, owners, f"{file}: {path_text(site)}")
        for group, part in found.parts:
            yield Dimension(
                name=_name(labels, site, group, part, found),
                site=site,
                range=found,
                kind=next(iter(owners.values())).kind,
                group=group,
                filter=part,
                methods=frozenset(owners),
            )


def _structure_name(
    labels: dict[Site, str], template: Mapping[str, Any], site: Site, ranges: Mapping[Site, Range]
) -> tuple[str, Kind | None]:
    """Return what a bound, model or switch of a slice is called, and its kind."""
    part = slice_of(site) or ()
    owner = labels.get((*part, "sources", 0), "")
    alone = (*part, "sources", 1) not in labels
    searched = (*part, "sources", 0, "model") in ranges
    if not alone or searched:
        owner = slice_label(site)
    if site[-1] == "use":
        start, end = bounds(template, part)
        fixed = not any(is_structure(s) and s != site and slice_of(s) == part for s in ranges)
        return (f"{owner}[{start}:{end}]" if fixed else f"{owner}.use"), "boolean"
    if site[-1] == "model":
        return f"{owner if alone else labels[site[:-1]]}.model", None
    return f"{owner}.{('start', 'end')[int(site[-1])]}", "integer"


def _check_ends(found: Range, owners: dict[str, Parameter], where: str) -> None:
    for parameter in owners.values():
        for end in found.ends:
            coerce(end, parameter, where)
        step = found.step
        if parameter.kind == "integer" and step is not None and step != int(step):
            raise RecipeError(f"{where}: {parameter.name} is whole, and so must step be: {step:g}")


def _name(
    labels: dict[Site, str], site: Site, group: int | None, part: str | None, found: Range
) -> str:
    at = site.index("parameters")
    owner = labels.get(site[:at], "")
    inner = "".join(f"[{key}]" for key in site[at + 2 :] if key != "value")
    bits = [group_label(found.layer_groups, group)] if found.layer_groups else []
    if found.filters:
        bits.append(part or "rest")
    tail = f"[{', '.join(bits)}]" if bits else ""
    return f"{owner}.{site[at + 1]}{inner}{tail}".lstrip(".")
