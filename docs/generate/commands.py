"""The page of the commands, from what click knows of them."""

import inspect
from collections.abc import Iterator

import click

from docs.generate.markdown import anchor, code, fence, heading, page, prose, table
from optimerge.cli.main import cli

INTRODUCTION = """\
What `optimerge --help` and `optimerge COMMAND --help` print. RUN is the folder of a run, SPACE a
[search space](format.md#search-spaces), RECIPE a
[recipe](format.md). What a command says when something is
wrong, and its exit codes: [messages](errors.md)."""


def commands() -> str:
    """Return the page."""
    found = list(all_commands())
    rows = ((f"[{name}](#{name})", prose(summary(each))) for name, each in found)
    return page(
        "Commands",
        INTRODUCTION,
        table(("command", "does"), rows),
        *(text for name, each in found for text in _section(name, each)),
    )


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its name, in the order of the help."""
    context = click.Context(cli, info_name="optimerge")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None and not command.hidden:
            yield name, command


def summary(command: click.Command) -> str:
    """Return the first sentence of a command's help, on one line."""
    return " ".join(_paragraphs(command)[0].split())


def options(command: click.Command) -> list[click.Option]:
    """Return the options that the help shows, `--help` left out."""
    return [p for p in command.params if isinstance(p, click.Option) and not p.hidden]


def option_anchor(command: str, option: click.Option) -> str:
    """Return the anchor of a command's option."""
    return f"{command}-{max(option.opts, key=len).lstrip('-')}"


def _section(name: str, command: click.Command) -> list[str]:
    context = click.Context(
        command, info_name=name, parent=click.Context(cli, info_name="optimerge")
    )
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    listed = "\n".join(_option(name, option) for option in options(command))
    return [heading(2, name), fence(usage), *map(_markdown, _paragraphs(command)), listed]


def _paragraphs(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").split("\n\n")


def _markdown(paragraph: str) -> str:
    """Return a paragraph of a help text; behind `\\b` its lines are kept."""
    lines = paragraph.splitlines()
    if lines[:1] != ["\b"]:
        return prose(paragraph)
    title = lines[1] if lines[1:2] and lines[1].endswith(":") else ""
    kept = inspect.cleandoc("\n" + "\n".join(lines[2:] if title else lines[1:]))
    block = fence(kept, "text") if title.startswith("Example") else fence(kept)
    return f"{prose(title)}\n\n{block}" if title else block


def _option(name: str, option: click.Option) -> str:
    facts = [*_limits(option), *_default(option), *_variable(option)]
    said = f" ({'; '.join(facts)})" if facts else ""
    spelling = ", ".join(code(text) for text in _spellings(option))
    return f"- {anchor(option_anchor(name, option))}{spelling}: {prose(option.help or '')}{said}"


def _spellings(option: click.Option) -> list[str]:
    value = "" if option.is_flag or option.count else f" {_value(option)}"
    return [*(f"{each}{value}" for each in option.opts), *option.secondary_opts]


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(str(each) for each in option.type.choices)
    return option.type.name.upper().replace(" RANGE", "")


def _limits(option: click.Option) -> Iterator[str]:
    kind = option.type
    if isinstance(kind, click.IntRange | click.FloatRange):
        if kind.min is not None:
            yield f"{'>' if kind.min_open else '≥'} {kind.min:g}"
        if kind.max is not None:
            yield f"{'<' if kind.max_open else '≤'} {kind.max:g}"
    if option.multiple:
        yield "may be given again"
    if option.required:
        yield "required"


def _default(option: click.Option) -> Iterator[str]:
    if option.show_default is True:
        yield f"default {code(str(option.default))}"
    elif isinstance(option.show_default, str):
        yield f"default {prose(option.show_default)}"


def _variable(option: click.Option) -> Iterator[str]:
    if option.envvar and option.show_envvar:
        names = [option.envvar] if isinstance(option.envvar, str) else option.envvar
        yield f"or in {', '.join(code(f'${name}') for name in names)}"
