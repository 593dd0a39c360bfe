"""`optimerge search`: start a search, or go on with one."""

from pathlib import Path

import click

from optimerge.cli import completing
from optimerge.cli.options import (
    ALLOW_CODE,
    ARTIFACTS,
    DEVICE,
    DEVICE_MAP,
    SPACE,
    STORAGE,
    STRICT,
    TRUST_CODE,
    chosen_device,
    refuse_torchrun,
    time_of_day,
)
from optimerge.cli.run_argument import RunArgument


@click.command("search")
@SPACE
@click.option(
    "--run-dir",
    type=RunArgument(),
    shell_complete=completing.runs,
    help="Run folder. Default: runs/NAME for a space NAME.yaml.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    help="Finished trials of the run in all, parents and earlier trials included. "
    "Default: the space's, or 200 if no time is given.",
)
@click.option(
    "--hours",
    type=click.FloatRange(0, min_open=True),
    help="Hours from now. Default: the space's, or no limit.",
)
@click.option(
    "--until",
    callback=time_of_day,
    metavar="HH:MM",
    help="Until the next such local time; the trial that is running then is finished. "
    "Default: the space's, or no limit.",
)
@click.option(
    "--sampler",
    metavar="S",
    shell_complete=completing.samplers,
    help="Sampler, by name: see `optimerge samplers`. Default: the space's, or auto.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    help="Seed of proposals, items and masks. Default: the space's, or 0.",
)
@click.option("--exact", is_flag=True, help="Merge as mergekit does, bit for bit; slower.")
@click.option(
    "--memory",
    type=click.Choice(["auto", "device", "host", "disk"]),
    help="Where base and experts are kept: beside the model, in main memory, or on disk. "
    "Default: the space's, or the first that fits.",
)
@click.option(
    "--task-vectors",
    type=click.Choice(["full", "int8"]),
    help="int8: keep experts in half the memory of bfloat16, slightly rounded. "
    "Default: the space's, or full.",
)
@click.option(
    "--no-racing",
    is_flag=True,
    help="Score every candidate on all items. Else one that the items so far show to be beaten by "
    "a member of the front is stopped: see `racing` in the space.",
)
@click.option(
    "--trial-timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="MINUTES",
    help="A trial that takes longer fails, and the search goes on. Default: the space's, or none.",
)
@click.option(
    "--on-finish",
    metavar="COMMAND",
    help="Shell command to run when the search ends or fails; a summary as JSON is its input. "
    "Default: the space's, or none.",
)
@click.option(
    "--webhook",
    metavar="URL",
    envvar="OPTIMERGE_WEBHOOK",
    show_envvar=True,
    help="URL to which that summary is posted; only its host is ever shown, and nothing kept. "
    "Default: the space's, or none.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that share the search: one for each CUDA device (or several each, with "
    "--device-map), or a share of the CPU each.",
)
@click.option("--worker-index", type=click.IntRange(0), hidden=True)
@STORAGE
@ARTIFACTS
@click.option("--dry-run", is_flag=True, help="Check everything and print the plan; no search.")
@STRICT
@ALLOW_CODE
@TRUST_CODE
@DEVICE
@DEVICE_MAP
def command(
    space: Path,
    run_dir: Path | None,
    trials: int | None,
    hours: float | None,
    until: str | None,
    sampler: str | None,
    seed: int | None,
    exact: bool,
    memory: str | None,
    task_vectors: str | None,
    no_racing: bool,
    trial_timeout: float | None,
    on_finish: str | None,
    webhook: str | None,
    workers: int,
    worker_index: int | None,
    storage: str,
    artifacts: str,
    dry_run: bool,
    strict: bool,
    allow_code: bool,
    trust_code: bool,
    device: str,
    device_map: str | None,
) -> None:
    """Search a space for the best merges, or go on with a search.

    The same command goes on after a stop. Every candidate is built in memory and scored; the run
    folder keeps every trial. Ctrl-C, SIGTERM or `optimerge stop` finish the running trial and stop;
    a second Ctrl-C or SIGTERM stops now and puts the trial back. Searches of the same run, also on
    other machines, share the work: nothing is tried twice.

    \b
    Examples:
      optimerge search search_spaces/mine.yaml --hours 9
      optimerge search search_spaces/mine.yaml --until 07:00
      optimerge search search_spaces/mine.yaml --trials 300      # goes on to 300
    """
    from optimerge.cli.checking import print_check
    from optimerge.cli.searching import NO_HOOKS, run_search, run_several
    from optimerge.search.hooks import make_hooks
    from optimerge.space.read import read_space
    from optimerge.space.settings import overridden

    refuse_torchrun()
    asked = read_space(space)
    hooks = make_hooks(
        on_finish,
        webhook or asked.search.webhook,
        asked.search.on_finish,
        str(space),
        allow_code=allow_code,
    )
    wanted = overridden(
        asked,
        trials,
        hours,
        sampler,
        seed,
        exact,
        memory,
        task_vectors,
        strict,
        racing=False if no_racing else None,
        until=until,
        trial_timeout=trial_timeout,
        device_map=device_map,
    )
    if dry_run:
        print_check(wanted, device, allow_code=allow_code, trust_code=trust_code)
        return
    folder = run_dir or Path("runs") / space.stem
    if workers > 1:
        context = click.get_current_context()
        code = run_several(context, wanted, folder, device, workers, storage, artifacts, hooks)
        raise click.exceptions.Exit(code)
    code = run_search(
        wanted,
        folder,
        chosen_device(device, wanted.search.device_map),
        allow_code=allow_code,
        trust_code=trust_code,
        hooks=hooks if worker_index is None else NO_HOOKS,  # else the supervisor tells of the end
        last_words=worker_index is None,
        storage=storage,
        artifacts=artifacts,
        index=worker_index,
    )
    raise click.exceptions.Exit(code)
