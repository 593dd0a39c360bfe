"""The resident model: base and experts loaded once, each candidate written over the last.

No candidate touches the disk. A tensor whose plan did not change since the last candidate is
left as it is; it is never updated by increments (rounding would pile up).
"""

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.checkpoint.fit import check_copied
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.layer_count import resized
from optimerge.checkpoint.read import TensorReader
from optimerge.errors import TrialError
from optimerge.merge.align import Aligner
from optimerge.merge.arena import into_arena
from optimerge.merge.change import Change, change, counted, total
from optimerge.merge.dispatch import check_resident, dispatch
from optimerge.merge.fused import Fused
from optimerge.merge.hands import Hands, make_hands
from optimerge.merge.homes import DeviceMap, Homes, find_homes
from optimerge.merge.kernels.choose import kernels_for
from optimerge.merge.kernels.facts import Memory
from optimerge.merge.layer_count import LayerCount, check_depths
from optimerge.merge.placer import Dtypes, Placer
from optimerge.merge.plan import MergePlan, TensorPlan, make_plan
from optimerge.merge.resident import check_in_place, load_model, resize
from optimerge.merge.rounding import Rounding, originals
from optimerge.merge.spread import open_spread
from optimerge.merge.statistics import Statistics
from optimerge.merge.steps import all_steps
from optimerge.merge.store import Store
from optimerge.merge.tables import Tables
from optimerge.merge.target import Target
from optimerge.merge.targets import find_targets, verify_targets
from optimerge.merge.tensor import Mode, Selections, rounds_adapters
from optimerge.merge.tiers import Tier
from optimerge.merge.vocabulary import Vocabulary
from optimerge.methods.protocol import Selection
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe
from optimerge.records.types import MergeStats

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass
class Engine:
    """Builds candidates in place. Make one with `load_engine`."""

    model: "PreTrainedModel"
    """The resident model; its parameters are the last candidate's."""
    base: str
    """Reference of the base model: statistics are differences from it."""
    checkpoints: Mapping[str, Checkpoint]
    weights: Store
    """Tensors of base and experts, in their tier."""
    mode: Mode = "fast"
    seed: int = 0
    vocabulary: Vocabulary | None = None
    """What the rows of embeddings stand for; None: what they stand for in the base."""
    statistics: Statistics | None = None
    """Of the experts, for the methods that need them."""
    layer_count: LayerCount | None = None
    """Layers of the model that candidates may use; None: all have the base's, each in its place."""
    rounding: Rounding | None = None
    """What of the experts `weights` keeps in int8 steps; None: nothing."""
    homes: Homes | None = None
    """Where the tensors of a model on several devices are; None: on the model's one."""
    _targets: dict[str, Target] = field(default_factory=dict)
    _written: dict[str, tuple[TensorPlan, Dtypes, Change]] = field(default_factory=dict)
    _align: Aligner | None = field(init=False)
    _tables: Tables = field(init=False)
    _hands: Hands = field(init=False)

    def __post_init__(self) -> None:
        base = self.checkpoints[self.base]
        check_resident(self.model, base.reference)
        if self.layer_count is None:
            self._targets = find_targets(self.model, base, self.vocabulary)
        else:
            self._targets = self.layer_count.targets
        self._align = Aligner(self.vocabulary) if self.vocabulary else None
        models = [self.base, *(m for m in self.checkpoints if m != self.base)]
        self._tables = Tables(models, self._align, compared=self.layer_count is None)
        homes = self.homes or Homes((str(self.model.device),))
        placers = {device: self._placer(device, homes) for device in homes.devices}
        self._hands = make_hands(homes, placers, self.weights)
        self._look_at_all()

    def _placer(self, device: str, homes: Homes) -> Placer:
        fused = None
        if self.mode == "fast":
            fused = Fused(kernels_for(device), self.seed, Memory(steps=True))
        return Placer(
            targets=self._targets,
            tables=self._tables,
            align=self._align,
            fused=fused,
            measured=self.statistics,
            compared=self.layer_count is None,
            device=device,
            homes=homes if len(homes.devices) > 1 else None,
        )

    def apply(self, recipe: Recipe) -> MergeStats:
        """Write the recipe's merge into the resident model and return what it changed.

        TrialError if the merge gives NaN or infinite weights (the tensor is named); the model
        then holds part of the candidate, and the next candidate overwrites it.
        """
        started = time.perf_counter()
        if recipe.block.task_vectors and not self.rounding:
            raise TrialError("the recipe takes int8 task vectors and the engine full weights")
        if recipe.output_tokenizer != (self.vocabulary.wanted if self.vocabulary else None):
            raise TrialError("the recipe asks for another tokenizer than the resident model has")
        plan = make_plan(recipe, self.checkpoints)
        if self.layer_count is not None:
            self.layer_count.follow(plan)
        else:
            self._refuse_other_shape(plan)
        with ExitStack() as stack:
            whole = self.rounding and not plan.in_steps
            files = stack.enter_context(originals(self.checkpoints)) if whole else None
            changes = self._merged(plan, files)
        seconds = time.perf_counter() - started
        return total(changes, seconds, compared=self.layer_count is None)

    def _merged(self, plan: MergePlan, files: Mapping[str, TensorReader] | None) -> list[Change]:
        """Merge what is not as the plan says yet; `files`: read instead of what is in steps."""
        rounded = rounds_adapters(self.mode, plan)
        dtypes = Dtypes(plan.dtype, plan.out_dtype, rounded, plan.in_steps)
        changes: dict[str, Change | None] = {}
        jobs = []
        for tensor, select in Selections(self.mode, self.seed)(plan):
            repeatable = self._repeatable(tensor)
            if tensor.name not in self._targets and repeatable:
                continue  # the model does not use it
            written = self._written.get(tensor.name)
            if written and written[:2] == (tensor, dtypes) and repeatable:
                changes[tensor.name] = written[2]
                continue
            changes[tensor.name] = None
            jobs.append((tensor, select))
        with closing(self._merges(jobs, dtypes, files)) as merges:
            for (tensor, _), found in zip(jobs, merges, strict=True):
                if found is not None:
                    self._written[tensor.name] = (tensor, dtypes, found)
                    changes[tensor.name] = found
        return [found for found in changes.values() if found is not None]

    def _merges(
        self,
        jobs: Sequence[tuple[TensorPlan, Selection]],
        dtypes: Dtypes,
        files: Mapping[str, TensorReader] | None,
    ) -> Generator[Change | None]:
        """Yield each tensor's change; what is written from then on is not known to be written."""
        if self._hands.whole is not None:
            for tensor, _ in jobs:
                self._written.pop(tensor.name, None)
            yield from self._hands.all(jobs, dtypes, files)
            return
        steps = [self._tables.keys(tensor, dtypes.math) for tensor, _ in jobs]
        with closing(self.weights.stream(steps)) as stream:
            for (tensor, select), held in zip(jobs, stream, strict=True):
                self._written.pop(tensor.name, None)
                yield self._hands.one(held, tensor, dtypes, select, files)

    @contextmanager
    def other_seed(self, seed: int) -> Iterator[None]:
        """Draw random masks from another seed for a while; every tensor is written anew."""
        kept = self.seed, self._hands
        placers = {device: each.with_seed(seed) for device, each in self._hands.placers.items()}
        self.seed, self._hands = seed, make_hands(self._hands.homes, placers, self.weights)
        self._written.clear()
        try:
            yield
        finally:
            self.seed, self._hands = kept
            self._written.clear()

    @property
    def align(self) -> Aligner | None:
        """What brings tables of tokens to the vocabulary; None: they are all in it."""
        return self._align

    def tensors(self) -> "Iterator[tuple[str, Tensor]]":
        """Yield what the resident model holds, by the checkpoint's names: views, not copies."""
        for name in self._live():
            yield name, self._targets[name].read()

    def overwrite(self, tensors: "Iterable[tuple[str, Tensor]]") -> MergeStats:
        """Write tensors that another tool merged, and return what they change of the base.

        They must be those of a model shaped as the last candidate, by the checkpoint's names; what
        the model does not use is left out.
        """
        started = time.perf_counter()
        self._written.clear()
        live, changes = set(self._live()), []
        for name, tensor in tensors:
            if name not in live:
                continue
            target = self._targets[name]
            target.write(tensor)
            written = target.read()
            if self.layer_count is not None:
                changes.append(counted(written))
                continue
            with closing(self.weights.stream([self._tables.keys_of(self.base, name)])) as stream:
                base = self._tables.read(next(iter(stream)), self.base, name)
                changes.append(change(written, base.to(written.device)))
        seconds = time.perf_counter() - started
        return total(changes, seconds, compared=self.layer_count is None)

    def _live(self) -> list[str]:
        return self.layer_count.live(self._targets) if self.layer_count else list(self._targets)

    def holds(self, reference: str) -> bool:
        """Whether the resident model is that model, but for the rounding of its dtype.

        With int8 task vectors: but for half a step too.
        """
        import torch

        if (
            self.layer_count is not None
            and self.layer_count.layers != self.checkpoints[reference].layers
        ):
            return False
        names = self._live()
        steps = [self._tables.keys_of(reference, name) for name in names]
        with closing(self.weights.stream(steps)) as stream:
            for name, held in zip(names, stream, strict=True):
                target = self._targets[name]
                wanted = self._tables.read(held, reference, name).to(target.dtype)
                allowed = 4 * torch.finfo(target.dtype).eps * float(wanted.abs().max())
                if steps_of := held.steps.get((reference, name)):
                    allowed += float(steps_of.scales.max()) / 2
                if float((target.read().float() - wanted.float()).abs().max()) > allowed:
                    return False
        return True

    def _look_at_all(self) -> None:
        """Prove the targets by the base's tensors, and let all tensors be looked at once."""
        steps = all_steps(list(self.checkpoints.values()))
        with closing(self.weights.stream(list(steps.values()))) as stream:
            for name, held in zip(steps, stream, strict=True):
                if name in self._targets:
                    some = {name: self._targets[name]}
                    verify_targets(some, self.checkpoints[self.base], held.dense)

    def _repeatable(self, tensor: TensorPlan) -> bool:
        """Skipping a draw would shift mergekit's random stream for the tensors after it."""
        return self.mode == "fast" or not method_named(tensor.method).stochastic

    def _refuse_other_shape(self, plan: MergePlan) -> None:
        names = {tensor.name for tensor in plan.tensors}
        if names != self.checkpoints[self.base].merged.keys():
            odd = sorted(names ^ self.checkpoints[self.base].merged.keys())[0]
            raise TrialError(
                f"the recipe makes a model of another shape than its base ({plan.layers} layers; "
                f"{odd} is in only one of them), which cannot be built in place"
            )


def load_engine(
    checkpoints: Sequence[Checkpoint],
    *,
    device: str = "cpu",
    out_dtype: str | None = None,
    mode: Mode = "fast",
    seed: int = 0,
    vocabulary: Vocabulary | None = None,
    statistics: Statistics | None = None,
    layers: tuple[int, int] | None = None,
    memory: Tier = "device",
    rounding: Rounding | None = None,
    device_map: DeviceMap | None = None,
) -> Engine:
    """Load base (first of `checkpoints`) and experts onto `device`, with a resident model.

    `out_dtype`: dtype of the resident model, by default the base checkpoint's. `vocabulary`: what
    all recipes make of the embeddings; the model is resized to it. `statistics`: of the experts,
    for methods that need them, kept where the models are once they were used. `layers`: fewest and
    most layers of a candidate, where layers change places; None: candidates have the base's.
    `memory`: where base and experts are kept. `rounding`: keeps experts in int8 steps, in the
    device tier; recipes that do not ask for them (parents) read the files again. `device_map`: the
    parts of a model on several devices, in place of `device`; each tensor of base and experts is
    kept where the resident model holds it, and scoring works as accelerate dispatches it.
    CheckpointError if a model holds NaN or infinite weights, or if the place of a tensor in the
    loaded model is not known (`find_targets`) or not proved (`verify_targets`).
    """
    base = checkpoints[0]
    check_in_place(base, vocabulary)  # before gigabytes are read
    if layers is not None:
        check_depths(base, *layers)
    check_copied(checkpoints)
    model = load_model(base, out_dtype)
    if vocabulary:
        model = resize(model, base, vocabulary.rows)
    layer_count = LayerCount(model, base, layers[1]) if layers else None
    homes = None
    if device_map is None:
        into_arena(model, device)  # the layers that were added too
    else:
        dispatch(model, device_map)
        resident = resized(base, layers[1]) if layers else base
        targets = layer_count.targets if layer_count else find_targets(model, base, vocabulary)
        homes = find_homes(model, resident, targets, device_map)
    return Engine(
        model=model,
        base=base.reference,
        checkpoints={c.reference: c for c in checkpoints},
        weights=open_spread(checkpoints, homes or Homes((device,)), memory, rounding),
        mode=mode,
        seed=seed,
        vocabulary=vocabulary,
        statistics=statistics,
        layer_count=layer_count,
        rounding=rounding,
        homes=homes,
    )
