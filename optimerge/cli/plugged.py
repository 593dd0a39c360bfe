"""What the listing commands say of plug-ins: where each comes from, and which cannot be used."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from optimerge.cli.lists import settings
from optimerge.errors import PluginError
from optimerge.records.plain import one_line

if TYPE_CHECKING:
    from optimerge.plugins import Package
    from optimerge.recipe.options import Option


def from_package(package: "Package | None") -> str:
    """Return what stands behind the summary of something that a package adds."""
    return f"  (package {package})" if package else ""


def warn_of(broken: Iterable[PluginError]) -> None:
    """Say on stderr what cannot be used, a line each."""
    for error in broken:
        click.echo(f"Warning: {one_line(str(error))}", err=True)


def options_text(options: "Sequence[Option]") -> str:
    """Return a line an option: name, default, kind, meaning."""
    from optimerge.recipe.options import REQUIRED

    rows = [
        (o.name, "required" if o.default is REQUIRED else _text(o.default), o.kind, o.help)
        for o in options
    ]
    return settings(rows) if rows else "  no options"


def _text(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return "none" if default is None else str(default)
