"""`optimerge samplers`: the samplers there are, with their options."""

from typing import TYPE_CHECKING

import click

from optimerge.cli import completing
from optimerge.cli.lists import names_and_words, settings

if TYPE_CHECKING:
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
    from optimerge.search.samplers.registry import all_samplers, sampler_named

    asked = [sampler_named(name) for name in names]
    if not asked:
        known = all_samplers()
        papers = {name: f" [{each.paper}]" if each.paper else "" for name, each in known.items()}
        rows = [(name, f"{each.summary}{papers[name]}") for name, each in known.items()]
        click.echo(names_and_words(rows))
        click.echo(
            "\noptimerge samplers NAME shows a sampler's options, given in the space as\n"
            "`sampler: {name: NAME, OPTION: VALUE}`. Any Optuna sampler: module:Class, as in\n"
            "`sampler: optuna.samplers:TPESampler`; other modules than Optuna's need --allow-code."
        )
    for sampler in asked:
        click.echo(describe(sampler))


def describe(sampler: "NamedSampler") -> str:
    """Return a sampler's description as text."""
    rows = [(o.name, _text(o.default), o.kind, o.help) for o in sampler.options]
    lines = [
        f"{sampler.name}: {sampler.summary}",
        f"  source: {sampler.paper}" if sampler.paper else "",
        settings(rows) if rows else "  no options",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _text(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return "none" if default is None else str(default)
