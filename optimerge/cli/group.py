"""The group of all commands: each is loaded when it is asked for, and no other is."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import click

from optimerge.cli.sections import SECTIONS

COMPLETE = "_OPTIMERGE_COMPLETE"
"""Environment variable by which a shell asks what a word may go on with."""


class Commands(MutableMapping[str, click.Command]):
    """The commands by name; the names are known without loading any."""

    def __init__(self) -> None:
        self._names = [name for names in SECTIONS.values() for name in names]
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            self._loaded[name] = import_module(f"optimerge.cli.{name}").command
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # Mapping's own would load the command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command
        if name not in self._names:
            self._names.append(name)

    def __delitem__(self, name: str) -> None:
        self._names.remove(name)
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class CommandGroup(click.Group):
    """A group whose help has a section for each step of the road."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = Commands()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections; the first line of each command's help stands beside its name."""
        width = max(map(len, self.commands))
        limit = formatter.width - 6 - width
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{n:{width}}", self.commands[n].get_short_help_str(limit)) for n in names]
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the words begin with; one that is misspelt gets a suggestion."""
        name = args[0]
        if name in self.commands or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from optimerge.errors import did_you_mean

        hint = did_you_mean(name, self.commands) or "; `optimerge --help` lists the commands"
        raise click.UsageError(f"no such command {name!r}{hint}", ctx)
