"""A checkpoint as it stands on disk, loaded to be scored: with its own config and tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.code import FLAG
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.errors import CheckpointError, OptimergeError
from optimerge.merge.arena import into_arena
from optimerge.merge.resident import load_model
from optimerge.objectives.protocol import Candidate
from optimerge.records.types import MergeStats
from optimerge.retest.base_differences import count_differences, why_not_comparable
from optimerge.search.resident import spare_threads
from optimerge.space.objectives import SparsityObjective, objective_name
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class LiveCheckpoint:
    """One checkpoint in memory; a parent is loaded beside it when it is asked for."""

    checkpoint: Checkpoint
    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    stats: MergeStats
    folder: Path
    """What the space's references are relative to."""
    device: str
    unscored: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As it was given."""
        return self.checkpoint.reference

    def parent(self, reference: str) -> "PreTrainedModel":
        """Load a parent of the space."""
        trusted = self.checkpoint.trust_code
        return _loaded(open_checkpoint(reference, self.folder, trust_code=trusted), self.device)

    def candidate(self) -> Candidate:
        """Return the model."""
        return Candidate(self.model, self.stats)


def open_live_checkpoint(
    reference: str, space: SearchSpace, *, device: str, trust_code: bool = False
) -> LiveCheckpoint:
    """Load a model folder, or a model of the Hub, to be scored on a space's objectives.

    CheckpointError if it is not whole, or cannot be loaded; only safetensors are read.
    """
    if "," in device or space.search.device_map is not None:
        raise OptimergeError(
            "a checkpoint is scored on one device: give --device cuda:0, or score its recipe, "
            "whose model may be shared out"
        )
    checkpoint = open_checkpoint(reference, trust_code=trust_code)
    spare_threads(checkpoint)
    stats, why = _differences(checkpoint, space)
    names = [objective_name(s) for s in space.objectives if isinstance(s, SparsityObjective)]
    return LiveCheckpoint(
        checkpoint=checkpoint,
        model=_loaded(checkpoint, device),
        tokenizer=_tokenizer(checkpoint),
        stats=stats,
        folder=space.folder,
        device=device,
        unscored=dict.fromkeys(names, why) if why else {},
    )


def _loaded(checkpoint: Checkpoint, device: str) -> "PreTrainedModel":
    model = load_model(checkpoint)
    into_arena(model, device)
    return model


def _differences(checkpoint: Checkpoint, space: SearchSpace) -> tuple[MergeStats, str]:
    """Return how it differs from the space's base, and why that cannot be known, if it cannot."""
    none = MergeStats(0.0, 0, 0, 0.0, 0.0, compared=False)
    if not any(isinstance(spec, SparsityObjective) for spec in space.objectives):
        return none, ""
    reference = space.any_recipe.base_model
    if reference is None:
        return none, "the space names no base to compare it with"
    base = open_checkpoint(reference, space.folder)
    if why := why_not_comparable(checkpoint, base):
        return none, f"it cannot be compared with the base: {why}"
    return count_differences(checkpoint, base), ""


def _tokenizer(checkpoint: Checkpoint) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            checkpoint.path, trust_remote_code=checkpoint.trust_code
        )
    except (ValueError, OSError, ImportError) as error:
        code = "" if checkpoint.trust_code else f"; {FLAG} lets it run Python of its own, if any"
        raise CheckpointError(
            f"{checkpoint.reference}: transformers cannot load the tokenizer "
            f"({' '.join(str(error).split())[:200]}); copy or download its files again{code}"
        ) from error
