"""The statistics of a recipe's models: found, checked against the models, read tensor by tensor.

They are keyed by a tensor's name in its model's own files, so slices and renamed models find
theirs. What has none (embeddings for RegMean, parts that no gradient reached) is None.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.checkpoint.digest import checkpoint_digest
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo
from optimerge.checkpoint.statistics import StatisticsFile, open_statistics_file
from optimerge.errors import CheckpointError
from optimerge.merge.finite import all_finite
from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan
from optimerge.methods.protocol import Statistic, StatisticKind
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe
from optimerge.recipe.statistics import remedy

if TYPE_CHECKING:
    import torch

Key = tuple[StatisticKind, str]
"""(kind, reference of a model)."""
Found = Mapping[StatisticKind, tuple[Statistic | None, ...]]


@dataclass(frozen=True)
class Statistics:
    """Statistics of several models, opened and checked; call it with a tensor's plan."""

    files: Mapping[Key, StatisticsFile]
    checkpoints: Mapping[str, Checkpoint]
    aligned: bool = False
    """Tables of tokens are brought to one vocabulary, so their rows are not those measured."""
    keep: bool = False
    """Whether what was read once stays in memory: in a search, not in a build."""
    _kept: "dict[tuple[Key, str, str], Statistic | None]" = field(default_factory=dict)

    def __call__(self, plan: TensorPlan, device: "torch.device | str") -> Found:
        """Return what the plan's method needs of each input, on the device."""
        return {
            kind: tuple(self._one(kind, item, str(device)) for item in plan.inputs)
            for kind in method_named(plan.method).statistics
        }

    def _one(self, kind: StatisticKind, item: InputTensor, device: str) -> Statistic | None:
        if self._info(kind, item) is None:
            return None
        key = (kind, item.model), item.tensor, device
        if key in self._kept:
            return self._kept[key]
        file = self.files[kind, item.model]
        found = file.read(self.checkpoints[item.model].merged[item.tensor].name, device)
        if found is not None and not all_finite(found.values):
            raise CheckpointError(
                f"{str(file.file)!r}: {item.tensor} holds NaN or infinite numbers; "
                f"{remedy([item.model], [kind])} again"
            )
        if self.keep:
            self._kept[key] = found
        return found

    def _info(self, kind: StatisticKind, item: InputTensor) -> TensorInfo | None:
        if kind == "fisher" and self.aligned and has_token_rows(item.tensor):
            return None
        name = self.checkpoints[item.model].merged[item.tensor].name
        return self.files[kind, item.model].tensors.get(name)

    @property
    def bytes(self) -> int:
        """Bytes of all statistics, as a search keeps them."""
        return sum(t.bytes for file in self.files.values() for t in file.tensors.values())

    @property
    def folders(self) -> dict[str, str]:
        """Full path of each model's folder."""
        return {model: str(file.file.parent) for (_, model), file in self.files.items()}

    def notes(self, plan: MergePlan) -> list[str]:
        """Say of how many tensors of a merge a model has no statistic."""
        method = method_named(plan.tensors[0].method)
        notes = []
        for kind in method.statistics:
            lacking = [
                tensor.name
                for tensor in plan.tensors
                if any(self._info(kind, item) is None for item in tensor.inputs)
            ]
            if lacking:
                notes.append(
                    f"{method.name}: {len(lacking)} of {len(plan.tensors)} tensors (the first is "
                    f"{lacking[0]}) have no {kind} statistic and become the weighted mean"
                )
        return notes


def open_statistics(
    recipe: Recipe,
    plans: Sequence[MergePlan],
    checkpoints: Mapping[str, Checkpoint],
    folder: Path,
    *,
    aligned: bool,
    keep: bool = False,
) -> Statistics | None:
    """Open the statistics that the plans' methods need; None if they need none.

    `recipe`: names them. Relative folders are looked for in `folder`, then in the current one.
    CheckpointError, before any weight is read, for what is not there, is of another model, of
    another kind or of another shape.
    """
    files: dict[Key, StatisticsFile] = {}
    for plan in plans:
        for kind in method_named(plan.tensors[0].method).statistics:
            for model in _inputs(plan):
                if (kind, model) not in files:
                    given = recipe.block.statistics[model]
                    files[kind, model] = _open(kind, checkpoints[model], given, folder)
    return Statistics(files, checkpoints, aligned, keep) if files else None


def _inputs(plan: MergePlan) -> Iterable[str]:
    return dict.fromkeys(item.model for tensor in plan.tensors for item in tensor.inputs)


def _open(kind: StatisticKind, model: Checkpoint, given: str, folder: Path) -> StatisticsFile:
    start = f"statistics of {model.reference!r}: "
    end = f"; {remedy([model.reference], [kind])}"
    try:
        file = open_statistics_file(_folder(given, folder), kind)
    except CheckpointError as error:
        raise CheckpointError(f"{start}{error}{end}") from error
    if file.about.digest != checkpoint_digest(model):
        raise CheckpointError(
            f"{start}{str(file.file)!r} was measured on another model ({file.about.model}, or the "
            f"weights have changed){end}"
        )
    # By names in the model's files: a merge may call its tensors as the base does.
    shapes = {info.name: info.shape for info in model.tensors.values()}
    for name, info in file.tensors.items():
        wanted = shapes.get(name)
        if kind == "gram" and wanted is not None:
            wanted = (wanted[file.about.axes.get(name, -1)],) * 2 if len(wanted) == 2 else None
        if info.shape != wanted:
            raise CheckpointError(
                f"{start}{str(file.file)!r} has {name} of the shape {info.shape}, and "
                f"{wanted or 'none'} belongs to the model{end}"
            )
    return replace(file, file=file.file.resolve())


def _folder(given: str, relative_to: Path) -> Path:
    name = Path(given).expanduser()
    for start in (relative_to, Path.cwd()):
        if (start / name).is_dir():
            return start / name
    raise CheckpointError(
        f"{given!r} is no folder (relative names are looked for in {relative_to} and {Path.cwd()})"
    )
