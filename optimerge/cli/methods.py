"""`optimerge methods`: the merge methods there are, with their parameters."""

import click

from optimerge.cli import completing
from optimerge.cli.lists import names_and_words, settings
from optimerge.cli.paragraphs import paragraph
from optimerge.cli.plugged import from_package, warn_of
from optimerge.methods.protocol import MergeMethod, Parameter, Required
from optimerge.plugins import Package


@click.command("methods")
@click.argument("names", nargs=-1, metavar="[METHOD]...", shell_complete=completing.methods)
def command(names: tuple[str, ...]) -> None:
    """List the merge methods, or describe some.

    METHOD is a name; of each its source, its parameters, their defaults and legal ranges.

    \b
    Examples:
      optimerge methods
      optimerge methods ties dare_ties
    """
    from optimerge.methods.registry import (
        PLUGINS,
        all_methods,
        method_named,
        own_methods,
        package_of_method,
    )

    asked = [method_named(name) for name in names]
    if not names:
        known = all_methods()
        came = {name: from_package(package_of_method(name)) for name in known}
        rows = [(name, f"{method.summary}{came[name]}") for name, method in known.items()]
        click.echo(names_and_words(rows))
        click.echo(
            "\noptimerge methods NAME shows a method's formula, parameters, defaults and paper."
        )
        warn_of(PLUGINS.broken(own_methods()))
    for method in asked:
        click.echo(describe(method, package_of_method(method.name)))


def describe(method: MergeMethod, package: Package | None = None) -> str:
    """Return a method's description as text."""
    least = method.least_inputs
    most = method.most_inputs
    count = (
        f"{least}" if most == least else f"{least} or more" if most is None else f"{least}-{most}"
    )
    lines = [
        f"{method.name}: {method.summary}",
        f"  package: {package}" if package else "",
        f"  source: {method.paper}" if method.paper else "",
        f"  base model: {method.base}; models{'' if method.base == 'ignored' else ' beside it'}: "
        f"{count}{'; random' if method.stochastic else ''}"
        f"{'' if method.mergekit else '; not in mergekit'}",
        paragraph(f"use: {method.use}") if method.use else "",
        "  formula, in LaTeX:" if method.formula else "",
        *(f"    {line}" for line in method.formula),
    ]
    rows = [(p.name, _default(p), _range(p), p.help) for p in method.parameters]
    lines += [settings(rows)] if rows else []
    return "\n".join(line for line in lines if line) + "\n"


def _default(parameter: Parameter) -> str:
    if isinstance(parameter.default, Required):
        return "required"
    if isinstance(parameter.default, bool):
        return str(parameter.default).lower()
    return "none" if parameter.default is None else f"{parameter.default:g}"


def _range(parameter: Parameter) -> str:
    if parameter.kind == "boolean":
        return "true/false"
    return f"[{parameter.low:g}, {parameter.high:g}]"
