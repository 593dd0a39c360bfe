"""The resident model: base and experts loaded once, each candidate written over the last.

No candidate touches the disk. A tensor whose plan did not change since the last candidate is
left as it is; it is never updated by increments (rounding would pile up).
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.checkpoint.fit import check_copied
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.errors import TrialError
from optimerge.merge.align import Aligner
from optimerge.merge.arena import into_arena
from optimerge.merge.fused import Fused
from optimerge.merge.kernels.choose import kernels_for
from optimerge.merge.kernels.facts import Memory
from optimerge.merge.place import Dtypes, Placer
from optimerge.merge.plan import MergePlan, TensorPlan, make_plan
from optimerge.merge.resident import check_in_place, load_model, resize
from optimerge.merge.rounding import Rounding, originals
from optimerge.merge.stats import Change, total
from optimerge.merge.tables import Tables
from optimerge.merge.target import Target
from optimerge.merge.targets import find_targets, verify_targets
from optimerge.merge.tensor import Mode, Selections, rounds_adapters
from optimerge.merge.vocabulary import Vocabulary
from optimerge.merge.weights import Weights, load_weights
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe
from optimerge.records.types import MergeStats

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass
class Engine:
    """Builds candidates in place. Make one with `load_engine`."""

    model: "PreTrainedModel"
    """The resident model; its parameters are the last candidate's."""
    base: str
    """Reference of the base model: statistics are differences from it."""
    checkpoints: Mapping[str, Checkpoint]
    weights: Weights
    """Tensors of base and experts, on the model's device."""
    mode: Mode = "fast"
    seed: int = 0
    vocabulary: Vocabulary | None = None
    """What the rows of embeddings stand for; None: what they stand for in the base."""
    rounding: Rounding | None = None
    """What of the experts `weights` keeps in int8 steps; None: nothing."""
    _targets: dict[str, Target] = field(default_factory=dict)
    _written: dict[str, tuple[TensorPlan, Dtypes, Change]] = field(default_factory=dict)
    _align: Aligner | None = field(init=False)
    _tables: Tables = field(init=False)
    _place: Placer = field(init=False)

    def __post_init__(self) -> None:
        base = self.checkpoints[self.base]
        self._targets = find_targets(self.model, base, self.vocabulary)
        verify_targets(self._targets, base, self.weights.dense)
        self._align = Aligner(self.vocabulary) if self.vocabulary else None
        models = [self.base, *(m for m in self.checkpoints if m != self.base)]
        self._tables = Tables(self.weights, models, self._align)
        fused = None
        if self.mode == "fast":
            fused = Fused(kernels_for(self.model.device), self.seed, Memory(steps=True))
        self._place = Placer(
            self.base, self.weights, self._targets, self._tables, self._align, fused
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
        self._refuse_other_shape(plan)
        with ExitStack() as stack:
            whole = self.rounding and not plan.in_steps
            files = stack.enter_context(originals(self.checkpoints)) if whole else None
            return total(self._merged(plan, files), time.perf_counter() - started)

    def _merged(self, plan: MergePlan, files: Mapping[str, TensorReader] | None) -> list[Change]:
        changes = []
        rounded = rounds_adapters(self.mode, plan)
        dtypes = Dtypes(plan.dtype, plan.out_dtype, rounded, plan.in_steps)
        for tensor, select in Selections(self.mode, self.seed)(plan):
            repeatable = self._repeatable(tensor)
            if tensor.name not in self._targets and repeatable:
                continue  # the model does not use it
            written = self._written.get(tensor.name)
            if written and written[:2] == (tensor, dtypes) and repeatable:
                changes.append(written[2])
                continue
            self._written.pop(tensor.name, None)
            found = self._place(tensor, dtypes, select, files)
            if found is not None:
                self._written[tensor.name] = (tensor, dtypes, found)
                changes.append(found)
        return changes

    def holds(self, reference: str) -> bool:
        """Whether the resident model is that model, but for the rounding of its dtype.

        With int8 task vectors: but for half a step too.
        """
        import torch

        for name, target in self._targets.items():
            wanted = self._tables.read(reference, name).to(target.dtype)
            allowed = 4 * torch.finfo(target.dtype).eps * float(wanted.abs().max())
            if steps := self.weights.steps.get((reference, name)):
                allowed += float(steps.scales.max()) / 2
            if float((target.read().float() - wanted.float()).abs().max()) > allowed:
                return False
        return True

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
    rounding: Rounding | None = None,
) -> Engine:
    """Load base (first of `checkpoints`) and experts onto `device`, with a resident model.

    `out_dtype`: dtype of the resident model, by default the base checkpoint's. `vocabulary`: what
    all recipes make of the embeddings; the model is resized to it. `rounding`: keeps experts in
    int8 steps; recipes that do not ask for them (parents) read the files again. CheckpointError
    if a model holds NaN or infinite weights, or if the place of a tensor in the loaded model is
    not known (`find_targets`) or not proved (`verify_targets`).
    """
    base = checkpoints[0]
    check_in_place(base)  # before gigabytes are read
    check_copied(checkpoints)
    model = load_model(base, out_dtype)
    if vocabulary:
        model = resize(model, base, vocabulary.rows)
    into_arena(model, device)
    return Engine(
        model=model,
        base=base.reference,
        checkpoints={c.reference: c for c in checkpoints},
        weights=load_weights(checkpoints, device, rounding),
        mode=mode,
        seed=seed,
        vocabulary=vocabulary,
        rounding=rounding,
    )
