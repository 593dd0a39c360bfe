"""`optimerge dashboard`: look at runs in a browser."""

from pathlib import Path

import click

from optimerge.cli.options import STORAGE


@click.command("dashboard")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@STORAGE
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to serve at; 0 takes any that is free.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to serve at. At any but this machine's own the page asks for a token, which is "
    "in the address that is printed; what is sent is not encrypted.",
)
def command(runs: tuple[Path, ...], storage: str, port: int, host: str) -> None:
    """Show runs in a browser, live while searches are at work in them.

    The front, any trial with its recipe, progress, parameters, and a choice by your preferences.
    Only reads: the run's storage and its evidence. Needs no network. Ctrl-C ends it.

    On a machine elsewhere, leave it on its loopback and open a tunnel: ssh -L 8000:127.0.0.1:8000.

    \b
    Examples:
      optimerge dashboard runs/mine
      optimerge dashboard runs/mine runs/other --port 8080
    """
    from optimerge.cli.quiet import quiet
    from optimerge.dashboard.serving import bind, serve
    from optimerge.dashboard.source import Sources

    with quiet():
        sources = Sources(list(runs), storage)
        bound = bind(host, port)
        serve(sources, host, bound, _tell)


def _tell(address: str) -> None:
    click.echo(f"dashboard: {address}  (Ctrl-C ends it)")
