"""`optimerge test`: does the winner win on items that the search never saw?"""

from pathlib import Path

import click

from optimerge.cli.options import (
    ALLOW_CODE,
    ARTIFACTS,
    DEVICE,
    RUN,
    STORAGE,
    TRUST_CODE,
    chosen_device,
)


@click.command("test")
@RUN
@click.option(
    "--trial",
    "trials",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="Score only this merge and the parents; again for more. Default: the whole front, the "
    "parents, the baselines and the parents' ensemble.",
)
@click.option("--no-baselines", is_flag=True, help="Leave out the baselines and the ensemble.")
@click.option(
    "--masks",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    metavar="N",
    help="Rebuild each merge with random masks under so many other seeds.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Search-space file whose `report:` block is measured from now on: the run's space, to "
    "which tasks may be added there after the search. Default: what the run was started with, or "
    "was given last.",
)
@click.option(
    "--test-items",
    type=click.IntRange(min=1),
    metavar="N",
    help="For tasks whose space sets no test_items: test on N of the documents that the search "
    "does not score on. The run keeps the number. Default: what the run keeps, or none.",
)
@click.option("--show", is_flag=True, help="Score nothing: show what earlier tests found.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "md", "json"]),
    default="table",
    show_default=True,
    help="table for the screen, md for a page, json for programs.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write md or json to. Default: the screen.",
)
@STORAGE
@ARTIFACTS
@ALLOW_CODE
@TRUST_CODE
@DEVICE
def command(
    run: Path,
    trials: tuple[int, ...],
    no_baselines: bool,
    masks: int,
    report: Path | None,
    test_items: int | None,
    show: bool,
    form: str,
    output: Path | None,
    storage: str,
    artifacts: str,
    allow_code: bool,
    trust_code: bool,
    device: str,
) -> None:
    """Score the front on test items, which the search never saw.

    A search picks the best of noisy numbers, so the winner's search score is flattered. This
    scores every front member, the parents and the usual baselines (uniform and greedy soup, task
    arithmetic at its best scale, ties, dare_ties, model_stock, slerp) on the test items, and the
    output ensemble of the parents, which is no merge. Baselines are chosen, and the ensemble's
    weights fitted, on the search items. All is kept in the run: the same command goes on after a
    stop, and shows what is known without scoring it again. How often the test items were looked
    at is counted; nothing is ever chosen by test scores.

    \b
    Examples:
      optimerge test runs/mine
      optimerge test runs/mine --trial 41 --masks 5
      optimerge test runs/mine --report search_spaces/mine.yaml
      optimerge test runs/mine --show --format json -o test.json
    """
    from optimerge.cli.testing import run_test, show_verdict
    from optimerge.errors import OptimergeError
    from optimerge.records.run import open_run
    from optimerge.retest.plan import Wanted
    from optimerge.retest.read import read_results
    from optimerge.retest.session import retest_space

    if output is not None and form == "table":
        raise OptimergeError("--format table is for the screen; for a file give md or json")
    opened = open_run(run, storage, artifacts)
    if show:
        show_verdict(opened, read_results(opened), form, output)
        return
    where = chosen_device(device, retest_space(opened).search.device_map)
    code = run_test(
        opened,
        Wanted(trials, not no_baselines, masks, test_items),
        where,
        form,
        output,
        report=report,
        allow_code=allow_code,
        trust_code=trust_code,
        storage=storage,
        artifacts=artifacts,
    )
    raise click.exceptions.Exit(code)
