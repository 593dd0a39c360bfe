"""`optimerge completion`: the script that lets a shell complete commands, options and names."""

import os
from pathlib import Path

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def command(context: click.Context, shell: str | None) -> None:
    """Print the script that completes words in a shell.

    SHELL is bash, zsh or fish; left out, it is the one that $SHELL names. The first lines of the
    script say how to install it.

    \b
    Examples:
      optimerge completion bash
      source <(optimerge completion zsh)
    """
    from optimerge.cli.completion_shells import script
    from optimerge.errors import OptimergeError

    found = shell or Path(os.environ.get("SHELL", "")).name
    if found not in SHELLS:
        raise OptimergeError(f"$SHELL names no shell that is known; give {' or '.join(SHELLS)}")
    click.echo(script(context.find_root().command, found), nl=False)
