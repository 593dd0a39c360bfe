"""Scores one model, or one recipe, on a search space's objectives."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.api.run import Run
from optimerge.merge.device import default_device

if TYPE_CHECKING:
    from optimerge.retest.score_one import Scored, Which
    from optimerge.space.space import SearchSpace


def evaluate(
    model_or_recipe: str | Path,
    space: "str | Path | SearchSpace | Run",
    *,
    items: "Which" = "search",
    device: str | None = None,
    allow_code: bool = False,
    trust_code: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> "Scored":
    """Score a checkpoint, or a recipe merged in memory, on a space's objectives.

        scored = optimerge.evaluate("merged", optimerge.load_run("runs/mine"), items="test")
        for name, score in scored.scores.items():
            print(name, score.value, score.stderr)

    Args:
        model_or_recipe: A model folder, a model of the Hub, MODEL+ADAPTER, or a recipe file.
        space: A search-space file, one that was read, or a run: its space, in its batches, so that
            a checkpoint that was built from a trial's recipe has just the trial's scores.
        items: Which documents: those that were searched on, or those that were kept for the test.
        device: cpu, cuda, cuda:1; default cuda if it is there.
        allow_code: Whether the space's task files may run the Python that they name.
        trust_code: Whether the model may run Python of its own.
        say: Told what is being done, a few words each time.

    Raises:
        OptimergeError: If it cannot be loaded or scored; one sentence.
    """
    from optimerge.records.space import space_of
    from optimerge.retest.same_items import refuse_other_items
    from optimerge.retest.score_one import score_one
    from optimerge.retest.study import kept_test_items
    from optimerge.space.read import read_space

    run = space.records if isinstance(space, Run) else None
    if isinstance(space, Run):
        asked = space_of(space.records.info)
    else:
        asked = read_space(space) if isinstance(space, str | Path) else space
    scored = score_one(
        model_or_recipe,
        asked,
        items=items,
        device=device or default_device(),
        allow_code=allow_code,
        trust_code=trust_code,
        plan=run.info.plan if run else "",
        test_items=kept_test_items(run) if run else None,
        say=say,
    )
    if run and items == "search":
        refuse_other_items(run, dict(scored.digests))
    return scored
