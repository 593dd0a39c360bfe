"""The key under which a killed build is gone on with: all that its bytes depend on."""

import hashlib
import importlib.metadata
from collections.abc import Mapping

from optimerge.checkpoint.digest import checkpoint_digest
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.journal import Key
from optimerge.merge.plan import MergePlan
from optimerge.merge.statistics import Statistics
from optimerge.merge.tensor import Selections
from optimerge.merge.vocabulary import Vocabulary
from optimerge.methods.registry import package_of_method

_MADE_BY = ("optimerge", "torch", "numpy")


def build_key(
    plan: MergePlan,
    selections: Selections,
    checkpoints: Mapping[str, Checkpoint],
    vocabulary: Vocabulary | None,
    statistics: Statistics | None,
    device: str,
    allow_nan: bool,
) -> Key:
    """Return what a build is told from another by; the names are for people.

    Models go by their sampled digest and by the path, size and time of their files. The kind of
    device and the versions count because they may round otherwise.
    """
    rules = (vocabulary.wanted, vocabulary.base) if vocabulary else None
    ids = (vocabulary.tokenizer.ids, vocabulary.ids, vocabulary.rows_in) if vocabulary else None
    models = [(r, checkpoint_digest(c), _stamps(c)) for r, c in checkpoints.items()]
    return {
        "recipe": _digest((plan, rules)),
        "models": _digest((models, ids)),
        "statistics": _digest(statistics.files if statistics else None),
        "mode": selections.mode,
        "seed": str(selections.seed),
        "device": device.partition(":")[0],
        "allow-nan": str(allow_nan),
        "versions": " ".join(_versions(plan)),
    }


def _versions(plan: MergePlan) -> list[str]:
    """Return the packages that compute, those of plug-ins' methods too, with their versions."""
    methods = sorted({tensor.method for tensor in plan.tensors})
    plugged = dict.fromkeys(filter(None, map(package_of_method, methods)))
    own = [f"{name} {importlib.metadata.version(name)}" for name in _MADE_BY]
    return [*own, *map(str, plugged)]


def _digest(value: object) -> str:
    return hashlib.blake2b(repr(value).encode(), digest_size=16).hexdigest()


def _stamps(checkpoint: Checkpoint) -> list[tuple[str, int, int]]:
    infos = [*checkpoint.tensors.values()]
    if checkpoint.adapter is not None:
        infos += [part for change in checkpoint.adapter.changes.values() for part in change.parts]
    found = [(file, file.stat()) for file in sorted({info.file for info in infos})]
    return [(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in found]
