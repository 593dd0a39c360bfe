"""Which tensors of the experts are kept in int8 steps, and how they are read from files.

Search and build both ask here, so what is scored is what is built. Kept whole are: the base;
vectors and rows of a few entries (norms, biases: nothing is saved); what an adapter changes, or
shares with the base; and, where a recipe names a tokenizer, tables of tokens (their rows move).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.errors import CheckpointError, RecipeError
from optimerge.merge.arena import Arena
from optimerge.merge.int8_steps import Steps, Weight, round_to_steps
from optimerge.merge.plan import InputTensor
from optimerge.merge.steps import FilePlace, Key, place_of
from optimerge.recipe.schema import Recipe

if TYPE_CHECKING:
    from torch import Tensor

SHORT = 8
"""Rows of fewer entries are kept whole: their scales would take what int8 saves."""
SCALE_BYTES = 4
TYPES = frozenset({"BF16", "F16", "F32"})
"""What float32 holds exactly."""

NOTE = (
    "scored with int8 task vectors, as `task_vectors: int8` in the recipe records, and built with "
    "them too; without that key `optimerge build` takes the full weights"
)
Check = Callable[[str, str, "Tensor"], None]
"""Refuses a tensor, of a model's reference and by name, that holds NaN or infinities."""


@dataclass(frozen=True)
class Rounding:
    """The models of a recipe whose experts are taken in int8 steps."""

    base: Checkpoint
    references: frozenset[str]
    """Under which the recipe names the base model."""
    aligned: bool = False
    """Whether a tokenizer is named."""

    def applies(self, checkpoint: Checkpoint, name: str) -> bool:
        """Whether a model's tensor is kept in steps."""
        info, base = checkpoint.merged.get(name), self.base.merged.get(name)
        if info is None or base is None or place_of(info) == place_of(base):
            return False
        if checkpoint.adapter is not None and info.name in checkpoint.adapter.changes:
            return False
        if info.shape != base.shape or not {info.dtype, base.dtype} <= TYPES:
            return False
        if len(info.shape) < 2 or info.shape[-1] < SHORT or info.parameters == 0:
            return False
        return not (self.aligned and has_token_rows(name))

    def held_bytes(self, checkpoint: Checkpoint, name: str) -> int:
        """Return the bytes that a model's tensor takes up in memory."""
        info = checkpoint.merged[name]
        if not self.applies(checkpoint, name):
            return info.bytes
        return info.parameters + SCALE_BYTES * prod(info.shape[:-1])

    def steps(
        self, checkpoint: Checkpoint, name: str, weight: "Tensor", base: "Tensor", room: Arena
    ) -> Steps:
        """Return a tensor in steps, placed in `room`; CheckpointError if it is not finite."""
        import torch

        values = room.take(tuple(weight.shape), torch.int8)
        scales = room.take((weight.numel() // weight.shape[-1],), torch.float32)
        try:
            round_to_steps(weight, base, values, scales)
        except CheckpointError as error:
            raise CheckpointError(
                f"{checkpoint.reference}: {name} {error}, which int8 task vectors cannot hold; "
                "leave `task_vectors: int8` out"
            ) from None
        return Steps(values, scales, base, frozenset((r, name) for r in self.references))

    def load(
        self,
        reader: TensorReader,
        bases: "Mapping[Key, Tensor]",
        known: dict[FilePlace, Steps],
        device: str,
        check: Check,
    ) -> dict[Key, Steps]:
        """Read what is kept in steps of one model, a tensor at a time, into one arena.

        `known`: steps of models read before; those of this one are added.
        """
        model = reader.checkpoint
        infos = {n: info for n, info in model.merged.items() if self.applies(model, n)}
        new = {place_of(info): name for name, info in infos.items() if place_of(info) not in known}
        room = Arena(self._sizes(model, new.values()), device)
        for place, name in new.items():
            weight = reader.weight(name, device)
            check(model.reference, name, weight)
            base = bases[self.base.reference, name]
            known[place] = self.steps(model, name, weight, base, room)
        return {(model.reference, name): known[place_of(info)] for name, info in infos.items()}

    def _sizes(self, checkpoint: Checkpoint, names: Iterable[str]) -> Iterator[int]:
        for name in names:
            shape = checkpoint.merged[name].shape
            yield prod(shape)
            yield SCALE_BYTES * prod(shape[:-1])


class BuildSteps:
    """Rounds what a build has read; keeps the base's tensor from one expert to the next."""

    def __init__(
        self, rounding: Rounding, readers: Mapping[str, TensorReader], device: str
    ) -> None:
        self._rounding, self._readers, self._device = rounding, readers, device
        self._base: tuple[str, Tensor] | None = None

    def __call__(self, item: InputTensor, weight: "Tensor") -> Weight:
        """Return the tensor in steps if such are kept in steps."""
        name, rounding = item.tensor, self._rounding
        if item.model in rounding.references:
            self._base = name, weight
        checkpoint = self._readers[item.model].checkpoint
        if not rounding.applies(checkpoint, name):
            return weight
        if self._base is None or self._base[0] != name:
            reader = self._readers[rounding.base.reference]
            self._base = name, reader.weight(name, self._device)
        room = Arena(rounding._sizes(checkpoint, [name]), self._device)
        return rounding.steps(checkpoint, name, weight, self._base[1], room)


def make_rounding(
    recipe: Recipe, checkpoints: Mapping[str, Checkpoint], mode: str, file: object
) -> Rounding:
    """Return how the experts of a recipe are rounded; RecipeError where that has no meaning.

    Args:
        recipe: Any recipe of a space.
        checkpoints: By reference as the recipe gives it.
        mode: fast or exact.
        file: The recipe's or the space's, for the complaint.
    """
    if mode == "exact":
        raise RecipeError(
            f"{file}: task_vectors: int8 rounds the experts, and exact mode must not; leave one "
            "of the two out"
        )
    if recipe.base_model is None:
        raise RecipeError(
            f"{file}: task_vectors: int8 are steps from a base; add `base_model: MODEL`"
        )
    if recipe.dtype is None:
        raise RecipeError(
            f"{file}: task_vectors: int8 are not of the experts' dtype; say in which to merge, "
            "`dtype: float32`"
        )
    base = checkpoints[recipe.base_model]
    where = base.path.resolve()
    same = [r for r, c in checkpoints.items() if not c.adapter and c.path.resolve() == where]
    return Rounding(base, frozenset({*same, base.reference}), recipe.output_tokenizer is not None)


@contextmanager
def originals(checkpoints: Mapping[str, Checkpoint]) -> Iterator[Mapping[str, TensorReader]]:
    """Open the files of models whose tensors memory holds in steps only."""
    with ExitStack() as stack:
        yield {
            reference: stack.enter_context(TensorReader(checkpoint, rounded=False))
            for reference, checkpoint in checkpoints.items()
        }
