"""`optimerge show`: one trial whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimerge.cli import completing
from optimerge.cli.options import ARTIFACTS, RUN, STORAGE

if TYPE_CHECKING:
    from optimerge.records.types import Trial


@click.command("show")
@RUN
@click.argument("trial", shell_complete=completing.parents)
@STORAGE
@ARTIFACTS
@click.option(
    "--items",
    metavar="TASK",
    shell_complete=completing.objectives,
    help="Print the outcome on every document of a task too. Default: none.",
)
@click.option(
    "--against",
    metavar="TRIAL",
    default="base",
    show_default=True,
    shell_complete=completing.parents,
    help="The trial or parent that documents are won and lost against.",
)
def command(
    run: Path, trial: str, storage: str, artifacts: str, items: str | None, against: str
) -> None:
    """Print one trial whole: scores, parameters, recipe.

    Also what its scores rest on, how far it is from the base, and what took how long. TRIAL is a
    trial's number, or a parent's name as `optimerge front` prints it.

    \b
    Examples:
      optimerge show runs/mine 17
      optimerge show runs/mine base
      optimerge show runs/mine 17 --items gsm8k --against 12
    """
    from optimerge.cli.evidence import compared, item_lines
    from optimerge.cli.quiet import quiet
    from optimerge.records.plain import plain
    from optimerge.records.run import find_trial, open_run

    with quiet():
        opened = open_run(run, storage, artifacts)
        found, other = find_trial(opened, trial), find_trial(opened, against)
    lines = describe(found, compared(opened, found, other))
    if items is not None:
        lines += ["", *item_lines(opened, found, other, items)]
    click.echo(plain("\n".join(lines)))


def describe(trial: "Trial", evidence: Sequence[str] = ()) -> list[str]:
    """Return a trial as lines of text, `evidence` among them."""
    from optimerge.front.directions import better

    title = f"parent {trial.name}" if trial.is_parent else f"trial {trial.number}"
    lines = [f"{title}: {trial.state}, from {trial.origin}"]
    if why := trial.error or trial.stopped:
        lines.append(f"why: {why}")
    if trial.state == "pruned":
        lines.append("  stopped early: scores are estimates from a part of the items")
    for name, score in trial.scores.items():
        error = f" ±{score.stderr:.4g} over {score.items} items" if score.stderr else ""
        value = f"{score.value:.4f}" if abs(score.value) < 10_000 else f"{score.value:,.0f}"
        lines.append(f"  {name}: {value}{error} ({better(score.direction)})")
    for name, beyond in trial.constraints.items():
        lines.append(f"  constraint {name}: {'kept' if beyond <= 0 else f'missed by {beyond:.4g}'}")
    if trial.constraints:
        lines.append(f"  {'feasible' if trial.feasible else 'infeasible: never on the front'}")
    lines += evidence
    if trial.stats:
        s = trial.stats
        lines.append(
            f"  {s.parameters} parameters; layers have changed places, so they are not compared "
            "with the base's"
            if not s.compared
            else f"  differs from the base in {s.nonzero} of {s.parameters} parameters "
            f"({s.nonzero_share:.1%}); L1 {s.l1:.6g}, L2 {s.l2:.6g}"
        )
    if trial.seconds:
        spent = ", ".join(f"{stage} {value:.2f}" for stage, value in trial.seconds.items())
        answering = trial.seconds.get("answer", 0.0)
        known = trial.tokens and answering > 0
        rate = f"; {trial.tokens / answering:.0f} tokens a second" if known else ""
        lines.append(f"  seconds: {spent}{rate}")
    lines += [f"  {name} = {value}" for name, value in trial.params.items()]
    return [*lines, "", trial.recipe.rstrip()] if trial.recipe else lines
