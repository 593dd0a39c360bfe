"""Measures one model on documents and writes its statistics.

The model is in memory once, for all kinds; one document is run at a time, without padding.
"""

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.calibration.documents import Documents
from optimerge.calibration.fisher import FisherSums, Labels
from optimerge.calibration.gram import GramSums
from optimerge.checkpoint.digest import checkpoint_digest
from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.statistics import Measurement, write_statistics
from optimerge.errors import CheckpointError, TaskError
from optimerge.merge.finite import all_finite
from optimerge.merge.resident import check_in_place, load_model
from optimerge.merge.target import Part, Target
from optimerge.merge.targets import find_targets
from optimerge.methods.protocol import StatisticKind

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

Progress = Callable[[int, int], None]
"""Told (documents done, documents in all) of one model, over all kinds."""
Ids = Sequence[tuple[str, Sequence[int]]]
"""Each document's text and token ids."""
Told = Callable[[int], None]


@dataclass(frozen=True)
class Request:
    """What to measure."""

    documents: Documents
    kinds: tuple[StatisticKind, ...]
    seed: int = 0
    max_length: int = 1024
    """Tokens of a document beyond which it is cut."""
    labels: Labels = "sampled"
    samples: int = 1


@dataclass(frozen=True)
class Calibrated:
    """What was written of one kind."""

    about: Measurement
    tensors: int
    without: tuple[str, ...]
    """Merged tensors that have no statistic of this kind."""


def calibrate(
    reference: str,
    request: Request,
    folder: Path,
    *,
    device: str = "cpu",
    trust_code: bool = False,
    progress: Progress = lambda done, total: None,
) -> list[Calibrated]:
    """Measure the model on the documents and write each kind into `folder`.

    float16 models are run in float32 (squares of their gradients would underflow), others in
    their own dtype; sums are float32. CheckpointError if the model cannot be loaded in place.
    """
    checkpoint = open_checkpoint(reference, trust_code=trust_code)
    check_fit([checkpoint])
    check_in_place(checkpoint)
    dtype = "float32" if checkpoint.dtype == "float16" else None
    model = load_model(checkpoint, dtype).to(device)
    targets = find_targets(model, checkpoint)
    _adapt(checkpoint, targets, device)
    ids = _tokens(checkpoint, model, request)
    total, written = len(ids) * len(request.kinds), []
    for index, kind in enumerate(request.kinds):
        measure = _fisher if kind == "fisher" else _gram

        def told(done: int, start: int = index * len(ids)) -> None:
            progress(start + done, total)

        found = measure(model, targets, ids, request, told)
        written.append(_write(checkpoint, kind, request, ids, found, folder))
    return written


def _adapt(checkpoint: Checkpoint, targets: Mapping[str, Target], device: str) -> None:
    """Add a LoRA adapter to the model that was loaded without."""
    if checkpoint.adapter is None:
        return
    with TensorReader(checkpoint, rounded=False) as reader:
        for name, target in targets.items():
            target.write(reader.read(name, device))


def _tokens(checkpoint: Checkpoint, model: "PreTrainedModel", request: Request) -> Ids:
    """Return the token ids of each document of at least two tokens."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            checkpoint.path, trust_remote_code=checkpoint.trust_code
        )
    except (OSError, ValueError, ImportError) as error:
        raise CheckpointError(
            f"{checkpoint.reference!r} has no tokenizer that transformers loads "
            f"({str(error).splitlines()[0][:200]}); copy the base model's tokenizer files into it"
        ) from error
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    most = min(request.max_length, context or request.max_length)
    cut = [(text, tokenizer(text)["input_ids"][:most]) for text in request.documents.texts]
    kept = [(text, ids) for text, ids in cut if len(ids) > 1]
    if not kept:
        raise TaskError(
            f"{checkpoint.reference!r}: no document of {request.documents.source} has two tokens; "
            "give longer ones"
        )
    return kept


def _fisher(
    model: "PreTrainedModel",
    targets: Mapping[str, Target],
    ids: Ids,
    request: Request,
    told: Told,
) -> "dict[str, tuple[Tensor, int]]":
    sums = FisherSums(model, {owner for target in targets.values() for owner in target.owners})
    with sums.watching():
        for done, (text, tokens) in enumerate(ids, start=1):
            sums.add(tokens, f"{request.seed}/{text}", request.labels, request.samples)
            told(done)
    means, live = sums.means(), dict(model.named_parameters(remove_duplicate=False))
    found = {}
    for name, target in targets.items():
        if all(owner in means for owner in target.owners):
            parts = zip(target.parts, target.owners, strict=True)
            pieces = tuple(_same_place(p, live[owner], means[owner]) for p, owner in parts)
            found[name] = Target(pieces, target.owners).read(), -1
    return found


def _same_place(part: Part, parameter: "Tensor", values: "Tensor") -> Part:
    """Return the part of `values` that `part` is of the parameter; both are laid out alike."""
    view = part.view
    offset = view.storage_offset() - parameter.storage_offset()
    return Part(values.as_strided(view.shape, view.stride(), offset), part.dim, part.start)


def _gram(
    model: "PreTrainedModel",
    targets: Mapping[str, Target],
    ids: Ids,
    request: Request,
    told: Told,
) -> "dict[str, tuple[Tensor, int]]":
    del request
    sums = GramSums(model)
    with sums.watching():
        for done, (_, tokens) in enumerate(ids, start=1):
            sums.add(tokens)
            told(done)
    live = dict(model.named_parameters(remove_duplicate=False))
    found = {}
    for name, target in targets.items():
        if len(target.parts) == 1 and target.owners[0] in live:
            gram = sums.of(live[target.owners[0]], target.parts[0].view)
            if gram is not None:
                found[name] = gram
    return found


def _write(
    checkpoint: Checkpoint,
    kind: StatisticKind,
    request: Request,
    ids: Ids,
    found: "Mapping[str, tuple[Tensor, int]]",
    folder: Path,
) -> Calibrated:
    _refuse_infinite(checkpoint, kind, ((name, values) for name, (values, _) in found.items()))
    in_file = {checkpoint.tensors[name].name: found[name] for name in found}
    is_fisher = kind == "fisher"
    about = Measurement(
        kind=kind,
        model=checkpoint.reference,
        digest=checkpoint_digest(checkpoint),
        source=request.documents.source,
        documents=len(ids),
        documents_digest=request.documents.digest,
        tokens=sum(len(tokens) for _, tokens in ids),
        seed=request.seed,
        max_length=request.max_length,
        optimerge=importlib.metadata.version("optimerge"),
        labels=request.labels if is_fisher else None,
        samples=request.samples if is_fisher else None,
        axes={} if is_fisher else {n: a for n, (_, a) in in_file.items() if a != -1},
    )
    shapes = {name: tuple(values.shape) for name, (values, _) in in_file.items()}
    write_statistics(folder, about, shapes, lambda name: in_file[name][0])
    without = tuple(name for name in checkpoint.merged if name not in found)
    return Calibrated(about, len(found), without)


def _refuse_infinite(
    checkpoint: Checkpoint, kind: str, tensors: "Iterable[tuple[str, Tensor]]"
) -> None:
    for name, values in tensors:
        if not all_finite(values):
            raise CheckpointError(
                f"{checkpoint.reference}: the {kind} statistic of {name} is NaN or infinite: the "
                "model overflows on these documents; use a sound checkpoint, or other documents"
            )
