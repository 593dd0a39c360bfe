"""Finds the weight files of a model folder and lists the tensors in them."""

from pathlib import Path

from optimerge.checkpoint.config import only_adapter
from optimerge.checkpoint.headers import TensorInfo, read_header
from optimerge.checkpoint.json_file import read_object
from optimerge.errors import CheckpointError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
LONGEST_NAME = 255
"""Bytes; no file system takes more."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")


def find_tensors(folder: Path) -> dict[str, TensorInfo]:
    """Return the tensors of a model folder by name; CheckpointError if weights are not whole.

    As in transformers, `model.safetensors` comes before an index with shards.
    """
    if (folder / SINGLE).is_file():
        tensors = read_header(folder / SINGLE)
    elif (folder / INDEX).is_file():
        tensors = _read_shards(folder)
    else:
        raise _no_weights(folder)
    if not tensors:
        raise CheckpointError(f"{str(folder)!r} holds no tensor; copy or download the model again")
    return tensors


def _read_shards(folder: Path) -> dict[str, TensorInfo]:
    index = folder / INDEX
    weight_map = _weight_map(index)
    shards = {shard: _read_shard(folder, shard) for shard in sorted(set(weight_map.values()))}
    for name, shard in weight_map.items():
        if name not in shards[shard]:
            raise CheckpointError(
                f"{str(index)!r} says that {shard!r} holds {name!r}, but it does not; "
                "index and shards are of different models: download both again"
            )
    for shard, tensors in shards.items():
        for name in tensors:
            if weight_map.get(name) != shard:
                raise CheckpointError(
                    f"{shard!r} holds {name!r}, which {str(index)!r} does not say; "
                    "index and shards are of different models: download both again"
                )
    return {name: shards[shard][name] for name, shard in weight_map.items()}


def _read_shard(folder: Path, shard: str) -> dict[str, TensorInfo]:
    if not (folder / shard).is_file():
        raise CheckpointError(
            f"{str(folder)!r} lacks the shard {shard!r} that {INDEX} names; "
            "copy or download that file"
        )
    return read_header(folder / shard)


def _weight_map(index: Path) -> dict[str, str]:
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{str(index)!r} has no weight_map; copy or download it again")
    for shard in weight_map.values():
        # A name with a folder in it could lead out of the model's folder.
        if not isinstance(shard, str) or not _is_file_name(shard):
            raise CheckpointError(
                f"{str(index)!r} names the shard {str(shard)[:80]!r}, which is no file name; "
                "copy or download it again"
            )
    return weight_map


def _is_file_name(name: str) -> bool:
    short = len(name.encode("utf-8", errors="replace")) <= LONGEST_NAME
    return name not in ("", "..") and name == Path(name).name and "\0" not in name and short


def _no_weights(folder: Path) -> CheckpointError:
    if (folder / "adapter_config.json").is_file():
        return only_adapter(folder)
    others = sorted(file.name for file in folder.glob("*.safetensors"))
    if others:
        return CheckpointError(
            f"{str(folder)!r} has {others[0]!r} but neither {SINGLE} nor {INDEX}; "
            "save the model with save_pretrained, or download the index too"
        )
    pickled = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
    if pickled:
        return CheckpointError(
            f"{str(folder)!r} has only pickled weights ({pickled[0]!r}), which can run code when "
            "they are read and are refused; convert them to safetensors: load the model with "
            "transformers and call save_pretrained"
        )
    return CheckpointError(
        f"{str(folder)!r} has no weights; {SINGLE}, or {INDEX} and its shards, are expected"
    )
