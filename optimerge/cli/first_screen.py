"""`optimerge` alone: what is here, how far it is, and the next command of each.

Reads only, a few milliseconds a run: neither Optuna nor pydantic is imported.
"""

import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from optimerge.cli.here import RUNS, SPACES, runs_in, spaces_in
from optimerge.cli.next_steps import search_command, steps
from optimerge.errors import RunError
from optimerge.recipe.files import EXPORTED
from optimerge.records.glance import Glance, glance
from optimerge.records.held import held
from optimerge.records.keys import ENDS, GOAL, JOURNAL
from optimerge.records.plain import one_line

WHAT = "optimerge searches for the best merges of your fine-tuned language models."
HELP = "All commands: optimerge --help; one of them: optimerge COMMAND --help"
SHOWN = 8
"""Runs, and search spaces, that are shown; of the others how many there are."""
SPACE = """\
merge_method: dare_ties
base_model: org/base-7b
models:
  - {model: org/math-7b, parameters: {weight: {low: 0, high: 1}, density: {low: 0.1, high: 1}}}
  - {model: org/code-7b, parameters: {weight: {low: 0, high: 1}, density: {low: 0.1, high: 1}}}
objectives:
  - {task: gsm8k, search_items: 300, test_items: 500}
  - {task: mmlu_abstract_algebra}
"""
"""A search space to begin with."""


def first_screen(here: Path) -> str:
    """Return what there is in a folder, and what to do next."""
    runs = runs_in(here / RUNS)
    known = {run.name for run in runs}
    spaces = [*spaces_in(here), *spaces_in(here / SPACES)]
    new = [path.relative_to(here) for path in spaces if path.stem not in known]
    blocks = [WHAT]
    if runs:
        blocks.append(_runs([run.relative_to(here) for run in runs], here))
    if new:
        blocks.append(_spaces(new))
    if not runs and not new:
        blocks += [_nothing()]
    return one_screen([*blocks, HELP])


def one_screen(blocks: Sequence[str]) -> str:
    """Return blocks of lines as one text, without control characters of names in them."""
    return "\n".join(one_line(line) for line in "\n\n".join(blocks).split("\n"))


def _runs(runs: Sequence[Path], here: Path) -> str:
    lines = [f"Runs in {RUNS}/:"]
    for run in runs[:SHOWN]:
        state, command = state_of(run, here)
        lines += [f"  {run.name}: {state}", *([f"      {command}"] if command else [])]
    return "\n".join([*lines, *_more(len(runs))])


def _spaces(spaces: Sequence[Path]) -> str:
    shown = [shlex.quote(str(space)) for space in spaces[:SHOWN]]
    rows = [(f"optimerge check {space}", "would it run, is there memory") for space in shown[:1]]
    rows += [(f"optimerge check {space}", "") for space in shown[1:]]
    more = _more(len(spaces))
    return "\n".join(
        ["Search spaces without a run:", steps(rows), *more, f"then optimerge search {shown[0]}"]
    )


def _more(count: int) -> list[str]:
    return [f"  and {count - SHOWN} more"] if count > SHOWN else []


def _nothing() -> str:
    demo = steps([("optimerge demo", "all of it on four tiny models: two minutes, no GPU")])
    road = steps(
        [
            ("optimerge check mine.yaml", "would it run, is there memory"),
            ("optimerge search mine.yaml --hours 9", "overnight; the same command goes on"),
        ]
    )
    space = "".join(f"  {line}\n" for line in SPACE.splitlines())
    return (
        f"No runs and no search spaces are here. To see what it does:\n{demo}\n\n"
        f"Your own models: name them, and lm-eval tasks, in a file mine.yaml,\n\n{space}\n"
        f"then\n{road}"
    )


def state_of(run: Path, here: Path) -> tuple[str, str]:
    """Return how far a run is, in words, and the next command; "" for the latter if none helps."""
    named = shlex.quote(str(run))
    folder = here / run
    try:
        if not (folder / JOURNAL).is_file():
            return "kept in a database, or not started", f"optimerge status {named} --storage URL"
        seen = glance(folder)
        if held(folder):
            return f"at work now{_progress(seen, ',', ',')}", f"optimerge status {named}"
    except RunError as error:
        return str(error).removeprefix(f"{folder}: "), ""
    except OSError as error:
        return f"cannot be read ({error.strerror})", ""
    return _at_rest(run, folder, seen)


def _at_rest(run: Path, folder: Path, seen: Glance) -> tuple[str, str]:
    named = shlex.quote(str(run))
    if not _is_over(seen):
        return f"stopped {_progress(seen, 'at', 'after')}", _search(run, seen)
    done = f"finished, {_trials(seen.finished)}"
    recipe = folder / EXPORTED
    exported = "exported" if recipe.is_file() else "not exported"
    if not seen.tested:
        return f"{done}; not tested, {exported}", f"optimerge test {named}"
    if not recipe.is_file():
        return f"{done}; tested, not exported", f"optimerge export {named}"
    written = shlex.quote(str(run / recipe.name))
    return f"{done}; tested, exported", f"optimerge build {written} merged"


def _is_over(seen: Glance) -> bool:
    """Whether the last search used its budget: its trials, or its time."""
    goal, ends = seen.keys.get(GOAL), seen.keys.get(ENDS)
    if isinstance(goal, int) and seen.finished >= goal:
        return True
    try:
        over = datetime.fromisoformat(str(ends)).astimezone() <= datetime.now().astimezone()
    except ValueError:  # no time was set, or what stands there is none
        return False
    return over and seen.finished > 0


def _progress(seen: Glance, at: str, after: str) -> str:
    """Return how many trials have ended, after one word if a number is the goal, or another."""
    goal = seen.keys.get(GOAL)
    if isinstance(goal, int):
        return f"{at} {seen.finished} of {_trials(goal)}"
    return f"{after} {_trials(seen.finished)}"


def _trials(count: int) -> str:
    return f"{count} trial{'' if count == 1 else 's'}"


def _search(run: Path, seen: Glance) -> str:
    """Return the command that goes on with a run."""
    kept = seen.info.get("space_file")
    file = Path(kept) if isinstance(kept, str) and Path(kept).is_file() else Path("SPACE")
    cwd = Path.cwd()
    if file.is_absolute() and file.is_relative_to(cwd):
        file = file.relative_to(cwd)
    return search_command(file, run)
