"""Opens a model folder: its config and the headers of its weight files, no tensor."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimerge.checkpoint.adapter import Adapter, open_adapter
from optimerge.checkpoint.architecture import is_head, is_token_embedding, layer_of
from optimerge.checkpoint.config import LAYERS, read_config, setting
from optimerge.checkpoint.dtypes import TORCH_NAMES
from optimerge.checkpoint.headers import TensorInfo
from optimerge.checkpoint.hub import is_whole_adapter
from optimerge.checkpoint.reference import resolve, split_adapter
from optimerge.checkpoint.weights import find_tensors

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """One model on disk: what it is called, what its config says, which tensors it holds."""

    reference: str
    """As the recipe names it."""
    path: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, TensorInfo]
    """By name. A tied output head that is stored a second time, bit for bit, is left out."""
    adapter: Adapter | None = None
    """What a LoRA adapter makes of the tensors; `tensors`, `path` and `config` are its base's."""

    @property
    def layers(self) -> int:
        """Number of decoder layers: the config's, else counted from the tensors' names."""
        value = setting(self.config, *LAYERS)
        if isinstance(value, int):
            return value
        return 1 + max((n for n in map(layer_of, self.tensors) if n is not None), default=-1)

    @property
    def architecture(self) -> str:
        """The model class, "LlamaForCausalLM"; the model type if the config names no class."""
        classes = self.config.get("architectures")
        return str(classes[0]) if isinstance(classes, list) and classes else self.model_type

    @property
    def model_type(self) -> str:
        """The config's model_type, "" if it has none."""
        return str(self.config.get("model_type") or "")

    @property
    def tied(self) -> bool:
        """Whether the output head is the token embedding, so that the files hold no head."""
        if any(map(is_head, self.tensors)):
            return False
        return setting(self.config, "tie_word_embeddings") is not False

    @property
    def dtype(self) -> str:
        """The type of most parameters, by torch's name: "bfloat16"."""
        count: Counter[str] = Counter()
        for info in self.tensors.values():
            count[info.dtype] += info.parameters
        return TORCH_NAMES[count.most_common(1)[0][0]]

    @property
    def bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(info.bytes for info in self.tensors.values())

    @property
    def parameters(self) -> int:
        """Number of elements of all tensors."""
        return sum(info.parameters for info in self.tensors.values())


def open_checkpoint(reference: str, relative_to: Path | None = None) -> Checkpoint:
    """Find a model as `resolve` does, read its config and headers; CheckpointError if not whole.

    `model+adapter` is a model with a LoRA adapter on it.
    """
    model, plus = split_adapter(reference, relative_to)
    path = resolve(model, relative_to)
    config = read_config(path)
    tensors = _without_second_head(config, find_tensors(path))
    adapter = None
    if plus is not None:
        folder = resolve(plus, relative_to, is_whole_adapter)
        adapter = open_adapter(folder, reference, model, config, tensors)
    return Checkpoint(reference, path, config, tensors, adapter)


def _without_second_head(
    config: Mapping[str, Any], tensors: dict[str, TensorInfo]
) -> dict[str, TensorInfo]:
    """Leave out a head that the config ties and whose bytes equal the embedding's.

    transformers does the same when it loads: equal ones are tied, different ones are not.
    """
    heads = [info for name, info in tensors.items() if is_head(name)]
    tables = [info for name, info in tensors.items() if is_token_embedding(name)]
    if setting(config, "tie_word_embeddings") is not True or len(heads) != 1 or len(tables) != 1:
        return tensors
    if not _equal(heads[0], tables[0]):
        return tensors
    return {name: info for name, info in tensors.items() if name != heads[0].name}


def _equal(one: TensorInfo, other: TensorInfo) -> bool:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    with one.file.open("rb") as left, other.file.open("rb") as right:
        left.seek(one.start)
        right.seek(other.start)
        for done in range(0, one.bytes, _BLOCK):
            count = min(_BLOCK, one.bytes - done)
            if left.read(count) != right.read(count):
                return False
    return True
