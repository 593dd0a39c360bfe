"""`optimerge objectives`: what a search space may measure, with the keys of each."""

from typing import TYPE_CHECKING

import click

from optimerge.cli.lists import names_and_words
from optimerge.cli.plugged import from_package, options_text, warn_of

if TYPE_CHECKING:
    from optimerge.plugins import Package
    from optimerge.space.objective_kinds.named import NamedObjective
    from optimerge.space.objective_kinds.settings import ObjectiveSettings


@click.command("objectives")
@click.argument("names", nargs=-1, metavar="[OBJECTIVE]...")
def command(names: tuple[str, ...]) -> None:
    """List the kinds of objectives; give names to see their keys.

    Those of installed packages too.

    \b
    Examples:
      optimerge objectives
      optimerge objectives repetition
    """
    from optimerge.space.objective_kinds.named import (
        PLUGINS,
        objective_named,
        package_of_objective,
    )
    from optimerge.space.objectives import KINDS

    texts = [
        describe_kind(name, KINDS[name])
        if name in KINDS
        else describe(objective_named(name), package_of_objective(name))
        for name in names
    ]
    if not names:
        _list()
        warn_of(PLUGINS.broken(()))
    for text in texts:
        click.echo(text)


def _list() -> None:
    from optimerge.space.objective_kinds.named import PLUGINS, package_of_objective
    from optimerge.space.objectives import KINDS

    rows = [(f"{key}:", _first_line(kind.__doc__)) for key, kind in KINDS.items()]
    for name, found in PLUGINS.usable(()).items():
        came = from_package(package_of_objective(name))
        rows.append((f"plugin: {name}", f"{found.summary}; {found.direction}{came}"))
    click.echo(names_and_words(rows))


def _first_line(doc: str | None) -> str:
    return (doc or "").partition("\n")[0].rstrip(".")


def describe_kind(key: str, kind: "type[ObjectiveSettings]") -> str:
    """Return the description of a kind of objective as text."""
    rest = [name for name in kind.model_fields if name != key]
    own = ["and the options of the package's objective"] if key == "plugin" else []
    return f"{key}: {_first_line(kind.__doc__)}\n  keys: {', '.join([key, *rest, *own])}\n"


def describe(objective: "NamedObjective", package: "Package | None") -> str:
    """Return the description of an objective of a package as text."""
    lines = [
        f"{objective.name}: {objective.summary}",
        f"  package: {package}",
        f"  {objective.direction}" + (f", in {objective.unit}" if objective.unit else ""),
        options_text(objective.options),
    ]
    return "\n".join(lines) + "\n"
