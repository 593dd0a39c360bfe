"""`optimerge samplers`: the samplers there are, with their options."""

from typing import TYPE_CHECKING

import click

from optimerge.cli import completing
from optimerge.cli.lists import names_and_words
from optimerge.cli.paragraphs import paragraph
from optimerge.cli.plugged import from_package, options_text, warn_of

if TYPE_CHECKING:
    from optimerge.plugins import Package
    from optimerge.search.samplers.named import NamedSampler


@click.command("samplers")
@click.argument("names", nargs=-1, metavar="[SAMPLER]...", shell_complete=completing.samplers)
def command(names: tuple[str, ...]) -> None:
    """List the samplers, or the options of some.

    They are what `optimerge search --sampler` and `search: {sampler: ...}` of a space take.

    \b
    Examples:
      optimerge samplers
      optimerge samplers nsga2
    """
    from optimerge.search.samplers.registry import (
        PLUGINS,
        SAMPLERS,
        all_samplers,
        package_of_sampler,
        sampler_named,
    )

    asked = [sampler_named(name) for name in names]
    if not asked:
        known = all_samplers()
        rows = [(name, _listed(each)) for name, each in known.items()]
        click.echo(names_and_words(rows))
        click.echo(
            "\noptimerge samplers NAME shows a sampler's options, given in the space as\n"
            "`sampler: {name: NAME, OPTION: VALUE}`. Any Optuna sampler: module:Class, as in\n"
            "`sampler: optuna.samplers:TPESampler`; other modules than Optuna's need --allow-code."
        )
        warn_of(PLUGINS.broken(SAMPLERS))
    for sampler in asked:
        click.echo(describe(sampler, package_of_sampler(sampler.name)))


def describe(sampler: "NamedSampler", package: "Package | None" = None) -> str:
    """Return a sampler's description as text."""
    lines = [
        f"{sampler.name}: {sampler.summary}",
        f"  package: {package}" if package else "",
        f"  source: {sampler.paper}" if sampler.paper else "",
        paragraph(f"use: {sampler.use}") if sampler.use else "",
        options_text(sampler.options),
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _listed(sampler: "NamedSampler") -> str:
    from optimerge.search.samplers.registry import package_of_sampler

    paper = f" [{sampler.paper}]" if sampler.paper else ""
    return f"{sampler.summary}{paper}{from_package(package_of_sampler(sampler.name))}"
