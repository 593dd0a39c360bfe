"""Everything a search needs in memory: space, run, resident model, objectives."""

import importlib.metadata
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from optimerge.checkpoint.code import trusted_code
from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import RunError
from optimerge.merge.engine import Engine, load_engine
from optimerge.methods.registry import maker_of_method
from optimerge.objectives.evaluation import Evaluation, make_evaluation
from optimerge.objectives.make import make_objectives
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.protocol import Objective
from optimerge.recipe.block import OptimergeBlock
from optimerge.recipe.read import parse_yaml
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
    create_run,
    find_run,
    make_writable,
    with_plugins,
    with_trusted_code,
)
from optimerge.records.stop_request import last_token
from optimerge.search.lock import making
from optimerge.search.models import Models, open_models
from optimerge.search.racing import Races, raced_on
from optimerge.search.same_models import model_digests, refuse_other_models
from optimerge.search.seen import Memory
from optimerge.search.spread import Spread, choose
from optimerge.search.tokenizer import load_tokenizer
from optimerge.search.versions import plugins, refuse_other_plugins, versions
from optimerge.search.watch import NO_LIMIT, Watch
from optimerge.space.ranges import Param
from optimerge.space.same import first_difference, fixed_part, shareable, space_digest
from optimerge.space.space import SearchSpace

log = logging.getLogger(__name__)
Say = Callable[[str], None]
TINY = 5_000_000
"""Parameters below which a second thread only costs."""


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
    known, heard = None, ""
    if started := find_run(folder, storage, artifacts):
        _refuse_other_space(started, space)
        refuse_other_plugins(started.info.plugins, plugins(space), folder)
        known, heard = started.info.layer_groups, last_token(started)
    make_writable(folder)
    say("reading model headers")
    models = open_models(space, known, trust_code=trust_code)
    if trust_code:
        say(trusted_code(c.path for c in models.checkpoints))
    digests = model_digests(models)
    if started is not None:
        refuse_other_models(started, digests, {c.reference: c.path for c in models.checkpoints})
    space = models.space
    spare_threads(models.base)
    set_first(device)
    choice = choose(models, space, device)
    count = len(models.checkpoints)
    held = f"base and {count - 1} experts" if models.has_base else f"{count} models"
    say(f"loading {held} ({choice.short})")
    engine = load_engine(
        models.checkpoints,
        device=device,
        out_dtype=space.any_recipe.out_dtype,
        mode="exact" if space.search.exact else "fast",
        seed=space.search.seed,
        vocabulary=models.vocabulary,
        statistics=models.statistics,
        layers=models.layers,
        memory=choice.tier,
        rounding=models.rounding,
        device_map=choice.device_map if isinstance(choice, Spread) else None,
    )
    say("building tasks")
    objectives = make_objectives(
        space.objectives,
        model=engine.model,
        tokenizer=load_tokenizer(models),
        include_path=space.include_path,
        seed=space.search.seed,
        batch_size=space.search.batch_size,
        allow_code=allow_code,
        folder=space.folder,
        strict=space.search.strict,
        generation=space.search.generation,
    )
    for objective in objectives:
        for note in getattr(objective, "notes", ()):
            warn(note)
    racing = space.search.racing
    evaluation = make_evaluation(objectives, engine.model, raced_on(objectives) if racing else ())
    if racing and (odd := [o.name for o in evaluation.on_tasks if o not in evaluation.raced]):
        log.info("scored whole before each race: %s", ", ".join(odd))
        if not evaluation.raced:
            warn(f"candidates are not raced: no task is a mean of outcomes from 0 to 1 ({odd[0]})")
    info = replace(
        _info(space, models, objectives),
        allow_code=allow_code,
        trust_code=trust_code,
        plan=evaluation.way,
        models=digests,
        places=dict(models.places),
    )
    run = _open_or_create(folder, info, storage, artifacts, started)
    if run.info.plan != evaluation.way:
        log.warning(
            "the run was started with token plan %s and goes on with %s: the last bits of scores "
            "may differ",
            run.info.plan,
            evaluation.way,
        )
    _reach_artifacts(run, warn)
    _keep_items(run, objectives)
    races = Races(run, evaluation, racing.confidence) if racing and evaluation.raced else None
    return Session(space, models, engine, evaluation, run, races, heard)


def set_first(device: str) -> None:
    """Let what names no CUDA device (page-locked memory) go to the first of this process's own.

    Else every worker of a machine takes memory of the first device there is.
    """
    import torch

    first = device.partition(",")[0]
    if first.startswith("cuda:"):
        torch.cuda.set_device(first)


def spare_threads(base: Checkpoint) -> None:
    """Use one CPU thread for a tiny model: two would spend their time waiting for each other."""
    import torch

    if base.parameters < TINY:
        torch.set_num_threads(1)


def _refuse_other_space(run: Run, space: SearchSpace) -> None:
    if run.info.digest == space_digest(space.data):
        return
    old = fixed_part(parse_yaml(run.info.space, run.info.space_file))
    found = first_difference(old, fixed_part(space.data)) or "it differs"
    raise RunError(
        f"{run.folder}: holds a run of another search space: {found}; "
        "give another --run-dir, or the space that the run was started with"
    )


def _open_or_create(
    folder: Path, info: RunInfo, storage: str, artifacts: str, started: Run | None
) -> Run:
    """Return the run: `started`, if it was there; else looked for once more, or made."""
    run = started
    if run is None:
        with making(folder):
            run = find_run(folder, storage, artifacts)
            if run is None:
                return create_run(folder, info, storage, artifacts)
    if run.info.digest != info.digest:
        raise RunError(
            f"{folder}: a search of another space was started here at the same time; "
            "give another --run-dir"
        )
    if run.info.items != info.items:
        task = next(t for t in info.items if run.info.items.get(t) != info.items[t])
        raise RunError(
            f"{folder}: what {task!r} scores, its items or its code, is not what the run was "
            "started with; put its files back, or give another --run-dir"
        )
    if info.trust_code:
        run = with_trusted_code(run)
    run = with_plugins(run, info.plugins)
    return replace(run, info=replace(run.info, versions=info.versions))


def _reach_artifacts(run: Run, warn: Say) -> None:
    """Bring what waits here to the artifact store; RunError if the user did not name the store."""
    if run.info.artifacts:
        if away := run.artifacts.reach():
            warn(f"{away}; evidence waits in the run folder until it is back")
        run.artifacts.bring()
    elif run.info.storage:
        warn(
            "evidence of this run stays in its folder on each machine; to have it where all can "
            "read it, start a run with --artifacts"
        )


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
