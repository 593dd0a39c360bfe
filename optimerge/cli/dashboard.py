"""`optimerge dashboard`: look at runs in a browser."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from optimerge.cli import completing
from optimerge.cli.options import STORAGE
from optimerge.cli.run_argument import RunArgument


@click.command("dashboard")
@click.argument(
    "runs",
    nargs=-1,
    required=True,
    type=RunArgument(),
    shell_complete=completing.runs,
)
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
    """Show runs in a browser, live.

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

    with quiet(), _ending():
        sources = Sources(list(runs), storage)
        try:
            serve(sources, host, bind(host, port), _tell)
        finally:
            sources.close()


def _tell(address: str) -> None:
    click.echo(f"dashboard: {address}  (Ctrl-C ends it)")


@contextmanager
def _ending() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the command with the code that shells give them.

    The server takes them while it runs, ends, and passes them on.
    """
    kept = {n: signal.signal(n, _end) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise click.exceptions.Exit(128 + number)
