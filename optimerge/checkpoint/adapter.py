"""Opens a PEFT LoRA adapter: which tensors of its base it changes, and by which factors.

Only configs and headers are read. Names in an adapter are those of modules of the live model
(`base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`); they are found again among
the base checkpoint's tensors.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optimerge.checkpoint.adapter_config import REMEDY, AdapterConfig, read_adapter_config
from optimerge.checkpoint.architecture import is_head, is_token_embedding
from optimerge.checkpoint.dtypes import FLOATS
from optimerge.checkpoint.headers import TensorInfo, read_header, shape_text
from optimerge.errors import CheckpointError

WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_FACTOR = re.compile(r"(.+)\.lora_(?:(embedding)_)?([AB])(?:\.(?!weight$)\w+)?(\.weight)?$")
_WRAPPED = re.compile(r"\.(?:base_layer|modules_to_save(?:\.default)?)\.(?=[^.]+$)")
_WRAPPERS = {"model", "language_model", "text_model", "transformer", "base_model", "gpt_neox"}
"""Parts of a name that one file has and another lacks, for the same tensor."""
_INPUTS_FIRST = {"gpt2", "openai-gpt"}
"""Models whose layers keep their weights transposed (Conv1D), whatever fan_in_fan_out says."""


@dataclass(frozen=True)
class LowRank:
    """Factors whose product is added to a weight."""

    a: TensorInfo
    """r x inputs (an embedding: r x tokens)."""
    b: TensorInfo
    """outputs x r (an embedding: width x r)."""
    scale: float
    transposed: bool
    """Whether the weight is (B @ A) transposed."""
    embedding: bool


@dataclass(frozen=True)
class TensorChange:
    """What an adapter makes of one tensor: another in its place, factors added to it, or both."""

    whole: TensorInfo | None = None
    factors: LowRank | None = None

    @property
    def parts(self) -> tuple[TensorInfo, ...]:
        """The adapter's tensors."""
        factors = (self.factors.a, self.factors.b) if self.factors else ()
        return (self.whole, *factors) if self.whole else factors


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter, opened for one base."""

    path: Path
    changes: Mapping[str, TensorChange]
    """By the tensor's name in the base's file."""
    notes: tuple[str, ...]
    """What a person should know, a sentence each."""

    @property
    def bytes(self) -> int:
        """Bytes of the adapter's tensors."""
        return sum(part.bytes for change in self.changes.values() for part in change.parts)


def open_adapter(
    folder: Path,
    reference: str,
    base: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, TensorInfo],
) -> Adapter:
    """Return the adapter in `folder`, fitted to a base; CheckpointError if it does not fit.

    `reference` and `base` are what messages call them; `config` and `tensors` are the base's.
    """
    settings = read_adapter_config(folder)
    names = _Names(reference, tensors, str(config.get("model_type")))
    changes: dict[str, TensorChange] = {}
    for module, part in sorted(_modules(reference, _header(folder)).items()):
        if part.keys() == {""}:
            info = names.tensor(module)
            changes[info.name] = replace(
                changes.get(info.name, TensorChange()), whole=names.whole(info, part[""])
            )
            continue
        info = names.tensor(f"{module}.weight")
        factors = names.factors(module, info, part, settings)
        changes[info.name] = replace(changes.get(info.name, TensorChange()), factors=factors)
    if not changes:
        raise CheckpointError(
            f"{reference!r} changes no tensor; copy or download the adapter again"
        )
    return Adapter(folder, changes, tuple(_notes(reference, settings, base)))


def _header(folder: Path) -> dict[str, TensorInfo]:
    if not (folder / WEIGHTS).is_file():
        pickled = next((f.name for f in sorted(folder.glob("adapter_model.*"))), None)
        if pickled:
            raise CheckpointError(
                f"{str(folder)!r} has its weights in {pickled!r}, which can run code when it is "
                f"read and is refused; save the adapter as {WEIGHTS} with a newer peft"
            )
        raise CheckpointError(
            f"{str(folder)!r} has no {WEIGHTS}; copy or download the adapter again"
        )
    return read_header(folder / WEIGHTS)


def _modules(reference: str, header: Mapping[str, TensorInfo]) -> dict[str, dict[str, TensorInfo]]:
    """Return by module its factors ("A", "B", "embedding A", ...), by parameter the whole ("")."""
    found: dict[str, dict[str, TensorInfo]] = {}
    for name, info in header.items():
        if info.dtype not in FLOATS:
            raise CheckpointError(
                f"{reference!r} has {name} of type {info.dtype}, which cannot be merged; {REMEDY}"
            )
        short = name.removeprefix(_PREFIX)
        factor = _FACTOR.fullmatch(short)
        if factor and bool(factor[2]) != bool(factor[4]):
            found.setdefault(factor[1], {})[f"{factor[2] or ''}{factor[3]}"] = info
        elif "lora_" in short or "token_adapter" in short:
            raise CheckpointError(
                f"{reference!r} has {name}, which is no part of a plain LoRA adapter; {REMEDY}"
            )
        else:
            # A `base_layer.weight` beside factors is the embedding as it was in training.
            found.setdefault(_WRAPPED.sub(".", short), {})[""] = info
    return found


@dataclass(frozen=True)
class _Names:
    """Finds the base's tensors for the modules of one adapter."""

    reference: str
    tensors: Mapping[str, TensorInfo]
    model_type: str

    def tensor(self, name: str) -> TensorInfo:
        """Return the base's tensor that the live model calls `name`."""
        if name in self.tensors:
            return self.tensors[name]
        near = [n for n in self.tensors if _bare(n) == _bare(name)]
        if len(near) == 1:
            return self.tensors[near[0]]
        if is_head(name) and not any(map(is_head, self.tensors)):
            raise CheckpointError(
                f"{self.reference!r} changes {name}, which the base ties to its token embedding: "
                "it would change both; merge the adapter into an untied copy of the base first"
            )
        raise CheckpointError(
            f"{self.reference!r} changes {name}, and its base has {len(near) or 'no'} tensors of "
            "that name; give the base that the adapter was trained on"
        )

    def whole(self, info: TensorInfo, given: TensorInfo) -> TensorInfo:
        """Return the tensor that takes the place of the base's."""
        if given.shape != info.shape:
            raise CheckpointError(
                f"{self.reference!r} has {info.name} of shape {shape_text(given.shape)}, its base "
                f"of {shape_text(info.shape)}; resize the base as it was for the training, or "
                f"{REMEDY}"
            )
        alone = not given.name.rpartition(".")[0].endswith("base_layer")
        if alone and is_token_embedding(info.name) and not any(map(is_head, self.tensors)):
            raise CheckpointError(
                f"{self.reference!r} holds a trained {info.name}, which the base ties to its "
                "output head: it would change both; merge the adapter into an untied copy of the "
                "base first"
            )
        return given

    def factors(
        self, module: str, info: TensorInfo, part: Mapping[str, TensorInfo], config: AdapterConfig
    ) -> LowRank:
        """Return the factors of a module, their shapes checked."""
        embedding = "embeddingA" in part or "embeddingB" in part
        a, b = (part.get(f"{'embedding' if embedding else ''}{side}") for side in "AB")
        if a is None or b is None or len(part) != 2:
            raise CheckpointError(
                f"{self.reference!r} has not just one lora_A and one lora_B for {module}; "
                "copy or download the adapter again"
            )
        if not config.targets_module(module):
            raise CheckpointError(
                f"{self.reference!r} has factors for {module}, which target_modules in "
                f"{str(config.file)!r} does not name: peft would leave them out; correct that file"
            )
        rank = config.rank_of(module)
        transposed = embedding or (self.model_type in _INPUTS_FIRST and not is_head(info.name))
        rows, columns = (
            info.shape[::-1] if transposed else info.shape if len(info.shape) == 2 else (0, 0)
        )
        if len(info.shape) != 2 or (a.shape, b.shape) != ((rank, columns), (rows, rank)):
            raise CheckpointError(
                f"{self.reference!r} has factors {shape_text(b.shape)} and {shape_text(a.shape)} "
                f"for {info.name} of shape {shape_text(info.shape)} at rank {rank}; "
                "give the base that the adapter was trained on"
            )
        return LowRank(a, b, config.scale_of(module), transposed, embedding)


def _bare(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _notes(reference: str, settings: AdapterConfig, base: str) -> Iterator[str]:
    if Path(settings.base).name.lower() not in base.lower():
        yield f"{reference!r} was trained on {settings.base!r} and is added to {base!r}"
