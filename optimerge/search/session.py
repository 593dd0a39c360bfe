"""Everything a search needs in memory: space, run, resident model, objectives."""

import importlib.metadata
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from optimerge.checkpoint.code import trusted_code
from optimerge.merge.engine import Engine
from optimerge.methods.registry import maker_of_method
from optimerge.objectives.evaluation import Evaluation, make_evaluation
from optimerge.objectives.in_space import in_space
from optimerge.objectives.make import space_objectives
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.protocol import Objective
from optimerge.recipe.block import OptimergeBlock
from optimerge.recipe.schema import Dtype, InputModel, Recipe
from optimerge.recipe.statistics import needed_statistics, with_statistics
from optimerge.recipe.values import constants
from optimerge.recipe.write import dump_yaml, with_references
from optimerge.records.full_disk import patiently
from optimerge.records.lease import Worker, new_worker
from optimerge.records.prompts import write_items
from optimerge.records.run import (
    Run,
    RunInfo,
    find_run,
    make_writable,
)
from optimerge.records.stop_request import last_token
from optimerge.search.models import Models, open_models
from optimerge.search.open_run import open_or_create, reach_artifacts, refuse_other_space
from optimerge.search.racing import Races, raced_on
from optimerge.search.resident import load_resident
from optimerge.search.same_models import Digests, model_digests, refuse_other_models
from optimerge.search.seen import Memory
from optimerge.search.tokenizer import load_tokenizer
from optimerge.search.versions import plugins, refuse_other_plugins, versions
from optimerge.search.watch import NO_LIMIT, Watch
from optimerge.space.ranges import Param
from optimerge.space.same import shareable, space_digest
from optimerge.space.space import SearchSpace

log = logging.getLogger(__name__)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Session:
    """A search with its models loaded and its run open."""

    space: SearchSpace
    models: Models
    engine: Engine
    evaluation: Evaluation
    run: Run
    races: Races | None = None
    """None: candidates are not raced."""
    heard: str = ""
    """Token of the last request to stop that is older than this search."""
    watch: Watch = NO_LIMIT
    """Limits how long a trial may take."""
    worker: Worker = field(default_factory=new_worker)
    memory: Memory = field(default_factory=Memory)
    """What samplers see of the trials that have ended."""

    def recipe(self, params: Mapping[str, Param]) -> Recipe:
        """Return the recipe of a point as it is scored, stored and exported."""
        return self.placed(self.space.recipe(params, self.models.base.layers))

    def parent_recipe(self, reference: str) -> Recipe:
        """Return the recipe that copies the base or an expert as it is, never rounded to int8."""
        asked = self.space.any_recipe
        if asked.output_tokenizer is None:
            copied = Recipe(merge_method="passthrough", models=[InputModel(model=reference)])
            return self.with_tokens(copied, whole=True)
        return self.with_tokens(self.weighted({reference: 1.0}, "float32"), whole=True)

    def weighted(self, weights: Mapping[str, float], dtype: Dtype | None) -> Recipe:
        """Return the average of models, by reference, with the base listed; in the space's order.

        Where the space names a tokenizer all models stand in it, at weight 0: they say what the
        rows of tokens are that the others lack, and the union of their tokenizers is the same as
        in the merges.
        """
        base = self.models.base.reference
        all_of_them = self.space.any_recipe.output_tokenizer is not None
        models = [
            InputModel(model=m, parameters=constants({"weight": weights.get(m, 0.0)}))
            for m in (checkpoint.reference for checkpoint in self.models.checkpoints)
            if all_of_them or m == base or m in weights
        ]
        return Recipe(merge_method="linear", base_model=base, models=models, dtype=dtype)

    def with_tokens(self, recipe: Recipe, *, whole: bool = False) -> Recipe:
        """Give the recipe the space's tokenizer and chat template, and place it."""
        asked = self.space.any_recipe
        kept = ("tokenizer", "tokenizer_source", "chat_template")
        wanted = recipe.model_copy(update={k: getattr(asked, k) for k in kept})
        return self.placed(wanted, whole=whole)

    def placed(self, recipe: Recipe, *, whole: bool = False) -> Recipe:
        """Fill in what makes the recipe mean the same everywhere: dtypes, seed, task vectors.

        `whole`: the experts' full weights, also where the space asks for int8 task vectors.
        """
        block = OptimergeBlock(
            mode=self.engine.mode,
            seed=self.engine.seed,
            statistics=dict(needed_statistics(recipe)),
            task_vectors="int8" if self.engine.rounding and not whole else None,
            version=importlib.metadata.version("optimerge"),
            method_package=maker_of_method(recipe.merge_method),
        )
        out = recipe.out_dtype or self.models.base.dtype
        return recipe.model_copy(update={"out_dtype": out, "optimerge": block})

    def stored(self, recipe: Recipe) -> Recipe:
        """Return the recipe with model references that lead somewhere from any folder."""
        places, statistics = self.models.places, self.models.statistics
        placed = with_statistics(recipe, places, statistics.folders if statistics else {})
        return with_references(placed, places)


def open_session(
    space: SearchSpace,
    folder: Path,
    *,
    device: str,
    allow_code: bool = False,
    trust_code: bool = False,
    storage: str = "",
    artifacts: str = "",
    say: Say = lambda _: None,
    warn: Say = lambda _: None,
) -> Session:
    """Check, load and open all that the search needs; nothing is written before all fits.

    `storage`, `artifacts`: URLs of what keeps the run, and its evidence, if not the folder. `warn`
    is told what is not quite as asked for.
    """
    if started := find_run(folder, storage, artifacts):
        refuse_other_space(started, space)
        refuse_other_plugins(started.info.plugins, plugins(space), folder)
    heard = last_token(started) if started else ""
    make_writable(folder)
    say("reading model headers")
    models, digests = _open_models(space, started, trust_code, say)
    space = models.space
    engine = _load_engine(models, device, say)
    say("building tasks")
    tokenizer = load_tokenizer(models)
    with in_space(space):
        objectives = space_objectives(
            space, space.objectives, engine.model, tokenizer, allow_code=allow_code
        )
    for objective in objectives:
        for note in getattr(objective, "notes", ()):
            warn(note)
    evaluation = _make_evaluation(space, objectives, engine, warn)
    info = replace(
        _info(space, models, objectives),
        allow_code=allow_code,
        trust_code=trust_code,
        plan=evaluation.way,
        models=digests,
        places=dict(models.places),
    )
    run = open_or_create(folder, info, storage, artifacts, started)
    if run.info.plan != evaluation.way:
        log.warning(
            "the run was started with token plan %s and goes on with %s: the last bits of scores "
            "may differ",
            run.info.plan,
            evaluation.way,
        )
    reach_artifacts(run, warn)
    _keep_items(run, objectives)
    racing = space.search.racing
    races = Races(run, evaluation, racing.confidence) if racing and evaluation.raced else None
    return Session(space, models, engine, evaluation, run, races, heard)


def _open_models(
    space: SearchSpace, started: Run | None, trust_code: bool, say: Say
) -> tuple[Models, Digests]:
    """Open the models, and refuse others than those that a run was started with."""
    known = started.info.layer_groups if started else None
    models = open_models(space, known, trust_code=trust_code)
    if trust_code:
        say(trusted_code(c.path for c in models.checkpoints))
    digests = model_digests(models)
    if started is not None:
        refuse_other_models(started, digests, {c.reference: c.path for c in models.checkpoints})
    return models, digests


def _load_engine(models: Models, device: str, say: Say) -> Engine:
    count = len(models.checkpoints)
    held = f"base and {count - 1} experts" if models.has_base else f"{count} models"
    settings = models.space.search
    return load_resident(
        models,
        models.space,
        device,
        out_dtype=models.space.any_recipe.out_dtype,
        mode="exact" if settings.exact else "fast",
        seed=settings.seed,
        say=lambda choice: say(f"loading {held} ({choice})"),
    )


def _make_evaluation(
    space: SearchSpace, objectives: Sequence[Objective], engine: Engine, warn: Say
) -> Evaluation:
    racing = space.search.racing
    evaluation = make_evaluation(objectives, engine.model, raced_on(objectives) if racing else ())
    if racing and (odd := [o.name for o in evaluation.on_tasks if o not in evaluation.raced]):
        log.info("scored whole before each race: %s", ", ".join(odd))
        if not evaluation.raced:
            warn(f"candidates are not raced: no task is a mean of outcomes from 0 to 1 ({odd[0]})")
    return evaluation


def _keep_items(run: Run, objectives: Sequence[Objective]) -> None:
    for each in objectives:
        for task in each.runs if isinstance(each, OnTasks) else ():
            patiently(run.folder, partial(write_items, run.artifacts, task.digest, task.items()))


def _info(space: SearchSpace, models: Models, objectives: Sequence[Objective]) -> RunInfo:
    digests = {o.name: getattr(o, "digest", "") for o in objectives}
    return RunInfo(
        space=dump_yaml(shareable(space.data)),
        space_file=str(space.file.resolve()),
        digest=space_digest(space.data),
        objectives={o.name: o.direction for o in objectives if o.name in space.optimized},
        layers=models.base.layers,
        seed=space.search.seed,
        exact=space.search.exact,
        task_vectors=space.search.task_vectors,
        items={name: digest for name, digest in digests.items() if digest},
        layer_groups=models.layer_groups,
        versions=versions(space),
        plugins=plugins(space),
    )
