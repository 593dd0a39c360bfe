"""Opens a model folder: its config and the headers of its weight files, no tensor."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from optimerge.checkpoint.adapter import Adapter, open_adapter
from optimerge.checkpoint.architecture import is_head, is_token_embedding, layer_of
from optimerge.checkpoint.config import LAYERS, read_config, setting, ties_head
from optimerge.checkpoint.dtypes import TORCH_NAMES
from optimerge.checkpoint.headers import TensorInfo
from optimerge.checkpoint.hub import is_whole_adapter
from optimerge.checkpoint.parts import merged_names
from optimerge.checkpoint.reference import resolve, split_adapter
from optimerge.checkpoint.same import same_bytes
from optimerge.checkpoint.weights import find_tensors


@dataclass(frozen=True)
class Checkpoint:
    """One model on disk: what it is called, what its config says, which tensors it holds."""

    reference: str
    """As the recipe names it."""
    path: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, TensorInfo]
    """By name. A tied output head that is stored a second time, bit for bit, is left out.

    A name may differ from the one in the file (`TensorInfo.name`): see `with_names_of`.
    """
    adapter: Adapter | None = None
    """What a LoRA adapter makes of the tensors; `tensors`, `path` and `config` are its base's."""
    trust_code: bool = False
    """Whether transformers may run Python that the folder holds or names; see `code_of`."""

    @cached_property
    def merged(self) -> Mapping[str, TensorInfo]:
        """The tensors that a merge computes, by name: the decoder's weights."""
        names = merged_names(self.config, self.tensors, self.layers)
        return {name: info for name, info in self.tensors.items() if name in names}

    @cached_property
    def copied(self) -> Mapping[str, TensorInfo]:
        """The other tensors, by name, which a build copies: see `optimerge.checkpoint.parts`."""
        return {name: info for name, info in self.tensors.items() if name not in self.merged}

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


def open_checkpoint(
    reference: str, relative_to: Path | None = None, *, trust_code: bool = False
) -> Checkpoint:
    """Find a model as `resolve` does, read its config and headers; CheckpointError if not whole.

    `model+adapter` is a model with a LoRA adapter on it. `trust_code`: whether its own Python may
    run when transformers loads it; nothing of it runs here.
    """
    model, plus = split_adapter(reference, relative_to)
    path = resolve(model, relative_to, with_code=trust_code)
    config = read_config(path)
    tensors = _without_second_head(config, find_tensors(path))
    adapter = None
    if plus is not None:
        folder = resolve(plus, relative_to, is_whole_adapter)
        adapter = open_adapter(folder, reference, model, config, tensors)
    return Checkpoint(reference, path, config, tensors, adapter, trust_code)


def _without_second_head(
    config: Mapping[str, Any], tensors: dict[str, TensorInfo]
) -> dict[str, TensorInfo]:
    """Leave out a head that the config ties and whose bytes equal the embedding's.

    transformers does the same when it loads: equal ones are tied, different ones are not.
    """
    heads = [info for name, info in tensors.items() if is_head(name)]
    tables = [info for name, info in tensors.items() if is_token_embedding(name)]
    if not ties_head(config) or len(heads) != 1 or len(tables) != 1:
        return tensors
    if not same_bytes(heads[0], tables[0]):
        return tensors
    return {name: info for name, info in tensors.items() if name != heads[0].name}
