"""`optimerge stop`: stop a search from another shell, or from another machine."""

from pathlib import Path

import click

from optimerge.cli.options import RUN, STORAGE


@click.command("stop")
@RUN
@STORAGE
@click.option(
    "--now", is_flag=True, help="At once; the running trial is put back, for a later search."
)
def command(run: Path, storage: str, now: bool) -> None:
    """Stop the searches that are at work in a run.

    They finish the trial that is running. The request goes through the run's storage, where every
    search looks every few seconds, so it works from any machine that can write there. `optimerge
    search` goes on with the run.

    \b
    Example:
      optimerge stop runs/mine
    """
    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import note
    from optimerge.records.activity import activity
    from optimerge.records.run import open_run
    from optimerge.records.stop_request import ask_to_stop
    from optimerge.search.tell import telling_of_disk

    with quiet():
        opened = open_run(run, storage)
        with telling_of_disk(opened):
            ask_to_stop(opened, now=now)
        running = activity(opened).running
    how = "now, and its trial is put back" if now else "after its trial"
    click.echo(f"run {opened.name}: the search stops {how}; `optimerge search` goes on with it")
    if not running:
        note("no search is at work in it, as far as can be seen from this machine")
