"""`optimerge show`: one trial whole."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimerge.cli.options import RUN

if TYPE_CHECKING:
    from optimerge.records.types import Trial


@click.command("show")
@RUN
@click.argument("trial")
def command(run: Path, trial: str) -> None:
    """Print one trial whole: scores, sparsity, seconds, parameters, recipe.

    TRIAL is a trial's number, or a parent's name as `optimerge front` prints it.

    \b
    Examples:
      optimerge show runs/mine 17
      optimerge show runs/mine base
    """
    from optimerge.cli.quiet import quiet
    from optimerge.records.run import find_trial, open_run

    with quiet():
        found = find_trial(open_run(run), trial)
    click.echo("\n".join(describe(found)))


def describe(trial: "Trial") -> list[str]:
    """Return a trial as lines of text."""
    title = f"parent {trial.name}" if trial.is_parent else f"trial {trial.number}"
    lines = [f"{title}: {trial.state}, from {trial.origin}"]
    if trial.error:
        lines.append(f"why: {trial.error}")
    for name, score in trial.scores.items():
        error = f" +- {score.stderr:.4g} over {score.items} items" if score.stderr else ""
        better = "larger" if score.direction == "maximize" else "smaller"
        value = f"{score.value:.4f}" if abs(score.value) < 10_000 else f"{score.value:,.0f}"
        lines.append(f"  {name}: {value}{error} ({better} is better)")
    for name, beyond in trial.constraints.items():
        lines.append(f"  constraint {name}: {'kept' if beyond <= 0 else f'missed by {beyond:.4g}'}")
    if trial.constraints:
        lines.append(f"  {'feasible' if trial.feasible else 'infeasible: never on the front'}")
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
        lines.append("  seconds: " + ", ".join(f"{k} {v:.2f}" for k, v in trial.seconds.items()))
    lines += [f"  {name} = {value}" for name, value in trial.params.items()]
    return [*lines, "", trial.recipe.rstrip()] if trial.recipe else lines
