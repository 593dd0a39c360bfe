"""The resident model: base and experts loaded once, each candidate written over the last.

No candidate touches the disk. A tensor whose plan did not change since the last candidate is
left as it is; it is never updated by increments (rounding would pile up).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.errors import CheckpointError, TrialError
from optimerge.merge.align import Aligner
from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan, make_plan
from optimerge.merge.stats import Change, change, total
from optimerge.merge.tensor import Mode, Selections, merge_tensor, torch_dtype
from optimerge.merge.vocabulary import Vocabulary
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe
from optimerge.records.types import MergeStats

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Weights = dict[tuple[str, str], "torch.Tensor"]


@dataclass
class Engine:
    """Builds candidates in place. Make one with `load_engine`."""

    model: "PreTrainedModel"
    """The resident model; its parameters are the last candidate's."""
    base: str
    """Reference of the base model: statistics are differences from it."""
    checkpoints: Mapping[str, Checkpoint]
    weights: Weights
    """Tensors of base and experts by (reference, name), on the model's device."""
    mode: Mode = "fast"
    seed: int = 0
    vocabulary: Vocabulary | None = None
    """What the rows of embeddings stand for; None: what they stand for in the base."""
    _targets: "dict[str, torch.Tensor]" = field(default_factory=dict)
    _written: dict[str, tuple[TensorPlan, str | None, Change]] = field(default_factory=dict)
    _align: Aligner | None = None
    _base_tables: "dict[tuple[str, str | None], torch.Tensor]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._targets = _targets(self.model, self.checkpoints[self.base], self.vocabulary)
        self._align = Aligner(self.vocabulary) if self.vocabulary else None

    def apply(self, recipe: Recipe) -> MergeStats:
        """Write the recipe's merge into the resident model and return what it changed.

        TrialError if the merge gives NaN or infinite weights (the tensor is named); the model
        then holds part of the candidate, and the next candidate overwrites it.
        """
        started = time.perf_counter()
        if recipe.output_tokenizer != (self.vocabulary.wanted if self.vocabulary else None):
            raise TrialError("the recipe asks for another tokenizer than the resident model has")
        plan = make_plan(recipe, self.checkpoints)
        self._refuse_other_shape(plan)
        changes = []
        for tensor, select in Selections(self.mode, self.seed)(plan):
            written = self._written.get(tensor.name)
            if written and written[:2] == (tensor, plan.dtype) and self._repeatable(tensor):
                changes.append(written[2])
                continue
            merged = merge_tensor(tensor, torch_dtype(plan.dtype), self._read, select, self._align)
            changes.append(self._write(tensor, plan.dtype, merged))
        return total(changes, time.perf_counter() - started)

    def holds(self, reference: str) -> bool:
        """Whether the resident model is that model, but for the rounding of its dtype."""
        import torch

        for name, target in self._targets.items():
            wanted = self._parent(reference, name, None).to(target.dtype)
            allowed = 4 * torch.finfo(target.dtype).eps * float(wanted.abs().max())
            if float((target.float() - wanted.float()).abs().max()) > allowed:
                return False
        return True

    def _read(self, item: InputTensor) -> "torch.Tensor":
        return self.weights[item.model, item.tensor]

    def _base_table(self, name: str, dtype: str | None) -> "torch.Tensor":
        """Return the base's tensor with the result's rows, made once."""
        if self._align is None or not has_token_rows(name):
            return self.weights[self.base, name]
        key = name, dtype
        if key not in self._base_tables:
            self._base_tables[key] = self._parent(self.base, name, dtype)
        return self._base_tables[key]

    def _parent(self, reference: str, name: str, dtype: str | None) -> "torch.Tensor":
        """Return a model's tensor with the result's rows, as in a merge of all models."""
        own = self.weights[reference, name]
        if self._align is None or not has_token_rows(name):
            return own
        models = list(self.checkpoints)
        # Padding rows are means: taken in the math dtype, as the merge takes them.
        tables = [self.weights[m, name].to(torch_dtype(dtype) or own.dtype) for m in models]
        aligned = self._align.tables(models, self.base, tables)
        return aligned[models.index(reference)].to(own.dtype)

    def _repeatable(self, tensor: TensorPlan) -> bool:
        """Skipping a draw would shift mergekit's random stream for the tensors after it."""
        return self.mode == "fast" or not method_named(tensor.method).stochastic

    def _write(self, tensor: TensorPlan, dtype: str | None, merged: "torch.Tensor") -> Change:
        target = self._targets[tensor.name]
        self._written.pop(tensor.name, None)
        target.copy_(merged)
        found = change(target, self._base_table(tensor.name, dtype))
        if not isfinite(found.l1):
            raise TrialError(f"the merge gives NaN or infinite weights in {tensor.name}")
        self._written[tensor.name] = (tensor, dtype, found)
        return found

    def _refuse_other_shape(self, plan: MergePlan) -> None:
        names = {tensor.name for tensor in plan.tensors}
        if names != set(self._targets):
            odd = sorted(names ^ set(self._targets))[0]
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
) -> Engine:
    """Load base (first of `checkpoints`) and experts onto `device`, with a resident model.

    `out_dtype`: dtype of the resident model, by default the base checkpoint's. CheckpointError
    if a model holds NaN or infinite weights, or has tensors that do not load under their names.
    """
    base = checkpoints[0]
    model = load_model(base, device, out_dtype)
    return Engine(
        model=_resized(model, vocabulary.rows) if vocabulary else model,
        base=base.reference,
        checkpoints={c.reference: c for c in checkpoints},
        weights=_load_weights(checkpoints, device),
        mode=mode,
        seed=seed,
        vocabulary=vocabulary,
    )


def _resized(model: "PreTrainedModel", rows: int) -> "PreTrainedModel":
    """Give embeddings and head that many rows; what is in new ones is overwritten by a merge."""
    import torch

    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices):  # new rows are drawn from the global generator
        model.resize_token_embeddings(rows, mean_resizing=False)
    return model.requires_grad_(False)


def load_model(checkpoint: Checkpoint, device: str, dtype: str | None = None) -> "PreTrainedModel":
    """Load a causal language model, whole, on one device, ready to score (no gradients)."""
    from transformers import AutoModelForCausalLM

    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        checkpoint.path, dtype=torch_dtype(dtype or checkpoint.dtype), trust_remote_code=False
    )
    return model.to(device).eval().requires_grad_(False)


def _load_weights(checkpoints: Sequence[Checkpoint], device: str) -> Weights:
    weights: Weights = {}
    for checkpoint in checkpoints:
        with TensorReader(checkpoint) as reader:
            for name in checkpoint.tensors:
                tensor = reader.read(name, device)
                if not bool(tensor.isfinite().all()):
                    raise CheckpointError(
                        f"{checkpoint.reference}: {name} holds NaN or infinite weights; "
                        "use a sound checkpoint of this model"
                    )
                weights[checkpoint.reference, name] = tensor
    return weights


def _targets(
    model: "PreTrainedModel", base: Checkpoint, vocabulary: Vocabulary | None
) -> "dict[str, torch.Tensor]":
    """Return the live tensor of every checkpoint tensor; ties stay ties."""
    live = dict(model.state_dict(keep_vars=True))
    found = {}
    for name, info in base.tensors.items():
        target = live.get(name)
        shape = vocabulary.shape(name, info.shape) if vocabulary else info.shape
        if target is None or tuple(target.shape) != shape:
            raise CheckpointError(
                f"{base.reference}: {name} does not load under its own name and shape in "
                f"{base.architecture}, so it cannot be merged in place"
            )
        if target.is_meta:
            raise CheckpointError(
                f"{base.reference}: {name} is offloaded (on the meta device), so a merge could "
                "not be written to it; use a device that holds the whole model"
            )
        found[name] = target.detach()
    return found
