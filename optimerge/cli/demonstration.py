"""What `optimerge demo` does and says."""

import shlex
import time
from pathlib import Path

from optimerge.api.run import load_run
from optimerge.cli.fronts import print_front
from optimerge.cli.next_steps import steps
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import duration, out, say
from optimerge.cli.searching import run_search
from optimerge.cli.values import mean_of, task_names
from optimerge.front.choose import choose
from optimerge.front.front import front_of
from optimerge.recipe.files import EXPORTED
from optimerge.records.keys import LOG
from optimerge.records.run import Run, make_writable, open_run
from optimerge.space.read import read_space
from optimerge.space.settings import overridden
from optimerge.zoo.config import DEFAULT
from optimerge.zoo.folder import Zoo
from optimerge.zoo.make import cached_zoo, make_zoo

STORY = """\
optimerge demo: one base model, three fine-tunes, and the question which merge of them is best.
Each fine-tune learnt one puzzle and forgot others; the search looks for merges that keep all."""


def demonstrate(folder: Path, zoo_folder: Path | None, trials: int | None) -> int:
    """Make the zoo, search it, print the front and the next commands; return the exit code."""
    console = out()
    console.print(STORY + "\n")
    make_writable(folder)
    started = time.monotonic()
    with quiet(folder / LOG, scoring=True):
        if zoo_folder:
            zoo = make_zoo(zoo_folder, DEFAULT, say, from_cache=True)
        else:
            zoo = cached_zoo(DEFAULT, say)
    trained = time.monotonic()
    space = overridden(read_space(zoo.space), trials)
    code = run_search(space, folder, "cpu", last_words=False)
    searched = time.monotonic()
    with quiet(folder / LOG):
        run = open_run(folder)
        print_front(run, most=14)
        recipe = folder / EXPORTED
        load_run(folder).export("knee", recipe)
        _judge(run)
    made = (
        "found in the cache"
        if zoo.reused or zoo.copied_from
        else f"trained in {duration(trained - started)}"
    )
    console.print(f"\nTime: models {made}, search {duration(searched - trained)}.")
    _next(folder, recipe, zoo)
    return code


def _judge(run: Run) -> None:
    """Say whether a merge beats the parents on the mean, from what was measured."""
    front = front_of(run)
    tasks = task_names(front.trials, front.objectives)
    merges = [t for t in front.trials if not t.is_parent]
    parents = [t for t in front.trials if t.is_parent]
    if not merges or not parents:
        return
    best = max(merges, key=lambda t: mean_of(t, tasks))
    parent = max(parents, key=lambda t: mean_of(t, tasks))
    gain = mean_of(best, tasks) - mean_of(parent, tasks)
    verdict = "beats" if gain > 0 else "does not beat"
    out().print(
        f"\nOn the mean of the tasks the best merge (trial {best.name}, "
        f"{mean_of(best, tasks):.3f}) {verdict} the best parent "
        f"({parent.name}, {mean_of(parent, tasks):.3f}).\nThese are the scores that the search "
        "itself looked at, so the winner is flattered a little."
    )
    knee = choose(front, "knee")
    called = f"the parent {knee.name}" if knee.is_parent else f"trial {knee.name}"
    out().print(f"The knee of the front, the best bargain over all objectives, is {called}.")


def _next(folder: Path, recipe: Path, zoo: Zoo) -> None:
    run = shlex.quote(str(folder))
    here = [
        (f"optimerge front {run}", "the whole front"),
        (f"optimerge test {run}", "does it win on items that the search never saw"),
        (f"optimerge report {run}", "one page about all of it"),
        (f"optimerge show {run} TRIAL", "one trial whole, with its recipe"),
        (f"optimerge build {shlex.quote(str(recipe))} merged", "the knee as a checkpoint"),
        (f"optimerge demo --run-dir {run} --trials 100", "search on, in the same run"),
    ]
    own = [
        ("optimerge check my-space.yaml", "would it run, is there memory"),
        ("optimerge search my-space.yaml --hours 9", "overnight"),
    ]
    out().print(
        f"The knee's recipe: {recipe}\n\nNext:\n{steps(here)}\n\n"
        f"Your own models: copy {zoo.space},\n"
        f"name your base, your experts and lm-eval tasks in it, then\n{steps(own)}"
    )
