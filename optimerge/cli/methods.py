"""`optimerge methods`: the merge methods there are, with their parameters."""

import click

from optimerge.cli import completing
from optimerge.cli.lists import names_and_words, settings
from optimerge.errors import MethodError, did_you_mean
from optimerge.methods.protocol import MergeMethod, Parameter, Required


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
    from optimerge.methods.registry import all_methods

    known = all_methods()
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or "; `optimerge methods` lists them"
            raise MethodError(f"unknown merge method {name!r}{hint}")
    if not names:
        click.echo(names_and_words([(name, method.summary) for name, method in known.items()]))
        click.echo("\noptimerge methods NAME shows a method's parameters, defaults and paper.")
    for name in names:
        click.echo(describe(known[name]))


def describe(method: MergeMethod) -> str:
    """Return a method's description as text."""
    least = method.least_inputs
    most = method.most_inputs
    count = (
        f"{least}" if most == least else f"{least} or more" if most is None else f"{least}-{most}"
    )
    lines = [
        f"{method.name}: {method.summary}",
        f"  source: {method.paper}" if method.paper else "",
        f"  base model: {method.base}; models{'' if method.base == 'ignored' else ' beside it'}: "
        f"{count}{'; random' if method.stochastic else ''}"
        f"{'' if method.mergekit else '; not in mergekit'}",
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
