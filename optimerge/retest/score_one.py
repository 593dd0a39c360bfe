"""Scores one thing, a checkpoint or a recipe, on the objectives of a search space.

It gives the numbers of the search, or of its retest: the same documents in the same batches, asked
of the same weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from optimerge.objectives.evaluation import make_evaluation
from optimerge.objectives.local import LocalAnswering, Way
from optimerge.objectives.make import space_objectives
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.protocol import NeedsParent, Objective
from optimerge.records.types import Direction, Score
from optimerge.retest.live import Live
from optimerge.retest.live_checkpoint import open_live_checkpoint
from optimerge.retest.live_recipe import open_live_recipe
from optimerge.retest.unseen import Searched, with_unseen
from optimerge.search.named_parents import named_parents
from optimerge.search.racing import raced_on
from optimerge.space.labels import short_names
from optimerge.space.objectives import ObjectiveSpec, objective_name
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Which = Literal["search", "test"]
RECIPES = (".yaml", ".yml")


@dataclass(frozen=True)
class Scored:
    """The scores of one model, as people read them."""

    name: str
    """What was scored, as it was given."""
    items: Which
    scores: Mapping[str, Score]
    """By objective, in the space's order, those that are not optimised too."""
    unscored: Mapping[str, str] = field(default_factory=dict)
    """The objectives that it has no score of, and why."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """By objective what identifies its items; those that have none are left out."""
    plan: str = ""
    """How log-likelihoods were run; "" if none was asked for."""

    @property
    def directions(self) -> Mapping[str, Direction]:
        """Of each score."""
        return {name: score.direction for name, score in self.scores.items()}


def score_one(
    subject: str | Path,
    space: SearchSpace,
    *,
    items: Which = "search",
    device: str = "cpu",
    allow_code: bool = False,
    trust_code: bool = False,
    plan: str = "",
    test_items: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Scored:
    """Score a checkpoint (folder, Hub name, MODEL+ADAPTER) or a recipe file, merged in memory.

    `plan`: a run's `RunInfo.plan`, to make the batches that the run made; "" chooses as a search
    would. `test_items`: a run's own number of test documents for tasks whose space keeps none.
    OptimergeError in one sentence if it cannot be loaded or scored.
    """
    short = short_names(space.references)
    named = named_parents(space, space.objectives, short, space.any_recipe.base_model)
    live: Live
    if is_recipe(subject):
        say("loading the recipe's models")
        live = open_live_recipe(
            Path(subject),
            space,
            device=device,
            parents=frozenset(named.values()),
            trust_code=trust_code,
        )
    else:
        say("loading the model")
        live = open_live_checkpoint(str(subject), space, device=device, trust_code=trust_code)
    say("building tasks")
    settings = space.search
    specs = [spec for spec in space.objectives if objective_name(spec) not in live.unscored]
    make = partial(_made, live, space, allow_code)
    on_test = items == "test"
    objectives = with_unseen(specs, make, test_items) if on_test else make(specs, items, None)
    _batch_as(objectives, plan)
    # Where candidates are raced, the search scores in rounds: other batches than of all at once.
    raced = raced_on(objectives) if settings.racing and items == "search" else ()
    evaluation = make_evaluation(objectives, live.model, raced)
    for objective in objectives:
        if isinstance(objective, NeedsParent):
            objective.prepare(partial(_parent, live, named))
    say("scoring")
    scored = evaluation.score(live.candidate())
    return Scored(
        name=live.name,
        items=items,
        scores=scored.scores,
        unscored=live.unscored,
        digests={o.name: str(d) for o in objectives if (d := getattr(o, "digest", ""))},
        plan=evaluation.way,
    )


def _made(
    live: Live,
    space: SearchSpace,
    allow_code: bool,
    specs: Sequence[ObjectiveSpec],
    items: Which,
    searched: Searched | None,
) -> list[Objective]:
    return space_objectives(
        space,
        specs,
        live.model,
        live.tokenizer,
        items=items,
        allow_code=allow_code,
        searched=searched,
    )


def is_recipe(subject: str | Path) -> bool:
    """Whether a name is a recipe file's: it ends so, and no folder is called so."""
    return Path(subject).suffix in RECIPES and not Path(subject).is_dir()


def _parent(live: Live, named: Mapping[str, str], name: str) -> "PreTrainedModel":
    return live.parent(named[name])


def _batch_as(objectives: list[Objective], plan: str) -> None:
    """Let log-likelihoods be run as they were before, if what is known of that can be read."""
    way = Way.parse(plan)
    for objective in objectives:
        if way and isinstance(objective, OnTasks):
            assert isinstance(objective.answering, LocalAnswering)
            objective.answering.way = way
