"""What every document of every task came to for one trial: kept compact, one file a trial.

    runs/NAME/evidence/STUDY-NUMBER.npz, or in another place: see `records.artifacts`

An archive of plain arrays, never pickled: `header`, JSON as bytes, says for each task its name,
the digest of its items, its document ids and its metrics; array `T.M` holds the values of metric M
of task T, one row a document; `texts`, where answers were generated, holds these as JSON. numpy is
imported only to read or write one.
"""

import io
import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from optimerge.errors import RunError
from optimerge.records.artifacts import Artifacts
from optimerge.records.types import Trial

if TYPE_CHECKING:
    from numpy import ndarray

FORMAT = 1
ENDING = ".npz"
MOST_BYTES = 1 << 28
"""Of a file, unpacked; most have less than a thousandth."""
_BROKEN = (
    *(EOFError, BadZipFile, zlib.error, ArithmeticError, MemoryError, RecursionError),
    *(NotImplementedError, RuntimeError, struct.error, SyntaxError),
)
"""What zipfile and numpy come to in damaged archives."""
LONGEST_TEXT = 2000
"""Characters of a generated answer that are kept."""


@dataclass(frozen=True)
class TaskEvidence:
    """One task's documents, in the order in which they were scored."""

    task: str
    digest: str
    """Of the task's items: evidence of two trials can be compared if it is equal."""
    documents: tuple[int, ...]
    values: "Mapping[str, ndarray]"
    """By `metric,filter`: one number, or one row of numbers, a document."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """What was generated, by document; its start, if it is long."""


@dataclass(frozen=True)
class Evidence:
    """All tasks of one trial."""

    tasks: Sequence[TaskEvidence] = ()

    def of(self, task: str, digest: str) -> TaskEvidence | None:
        """Return the evidence of a task on these items."""
        return next((t for t in self.tasks if (t.task, t.digest) == (task, digest)), None)


def as_numbers(values: Sequence[Any]) -> "ndarray | None":
    """Return per-document values as an array, as narrow as keeps them; None if not numbers.

    A value may be a number, or numbers in tuples of one shape, which become a row.
    """
    import numpy as np

    try:
        found = np.asarray([_flat(v) if isinstance(v, tuple | list) else v for v in values])
    except ValueError:  # rows of several lengths
        return None
    if found.dtype == bool:
        return found.astype(np.uint8)
    if found.dtype.kind not in "iuf" or found.ndim > 2:
        return None
    whole = found.astype(np.uint8) if _within(found) else None
    return whole if whole is not None and np.array_equal(whole, found) else found


def _flat(value: Any) -> list[Any]:
    if not isinstance(value, tuple | list):
        return [value]
    return [each for part in value for each in _flat(part)]


def _within(found: "ndarray") -> bool:
    return bool(found.size == 0 or (found.min() >= 0 and found.max() <= 255))


def write_evidence(artifacts: Artifacts, name: str, evidence: Evidence) -> int:
    """Write a trial's evidence, whole or not at all; return its bytes.

    RunError if the disk is full or cannot be written.
    """
    import numpy as np

    header = [
        {"task": t.task, "digest": t.digest, "documents": t.documents, "metrics": list(t.values)}
        for t in evidence.tasks
    ]
    texts = [
        {str(doc_id): text[:LONGEST_TEXT] for doc_id, text in t.texts.items()}
        for t in evidence.tasks
    ]
    arrays: dict[str, ndarray] = {"header": _bytes({"format": FORMAT, "tasks": header})}
    if any(texts):
        arrays["texts"] = _bytes(texts)
    for number, task in enumerate(evidence.tasks):
        for place, values in enumerate(task.values.values()):
            arrays[f"{number}.{place}"] = values

    def fill(file: IO[bytes]) -> None:
        np.savez_compressed(file, allow_pickle=False, **arrays)

    return artifacts.write(f"{name}{ENDING}", fill)


def evidence_of(artifacts: Artifacts, trial: Trial) -> Evidence:
    """Return what a trial kept, as `read_evidence`; empty if it is not there."""
    return (read_evidence(artifacts, trial.evidence) if trial.evidence else None) or Evidence()


def read_evidence(artifacts: Artifacts, name: str) -> Evidence | None:
    """Return a trial's evidence; None if it is not there. RunError if the file cannot be read."""
    import numpy as np

    file_name = f"{name}{ENDING}"
    content, path = artifacts.read(file_name, MOST_BYTES), artifacts.shown(file_name)
    if content is None:
        return None
    try:
        with io.BytesIO(content) as file:
            _refuse_large(file)
            file.seek(0)
            arrays = np.load(file, allow_pickle=False)
            header = json.loads(arrays["header"].tobytes())
            texts = json.loads(arrays["texts"].tobytes()) if "texts" in arrays else []
            if header["format"] != FORMAT:
                raise RunError(
                    f"{path}: has format {header['format']}, this optimerge reads {FORMAT}; "
                    "read it with the optimerge that wrote it"
                )
            tasks = list(_tasks(header["tasks"], arrays, texts))
    except (ValueError, LookupError, TypeError, AttributeError, OSError, *_BROKEN) as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise RunError(f"{path}: cannot be read as evidence ({why}); delete it") from None
    return Evidence(tasks)


def late_evidence(where: Artifacts, name: str) -> str:
    """Return why evidence is not yet where others can read it, and where it is; "" if it is."""
    return where.late(f"{name}{ENDING}")


def _refuse_large(file: IO[bytes]) -> None:
    """Raise ValueError for an archive that unpacks to more than evidence ever is."""
    with ZipFile(file) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > MOST_BYTES:
        raise ValueError(f"unpacked it has {size} bytes, more than {MOST_BYTES}")


def _tasks(
    headers: Sequence[Any], arrays: "Mapping[str, ndarray]", texts: Sequence[Any]
) -> Iterator[TaskEvidence]:
    for n, kept in enumerate(headers):
        task = TaskEvidence(
            task=str(kept["task"]),
            digest=str(kept["digest"]),
            documents=tuple(kept["documents"]),
            values={m: arrays[f"{n}.{i}"] for i, m in enumerate(kept["metrics"])},
            texts={int(k): str(v) for k, v in texts[n].items()} if texts else {},
        )
        yield _sound(task)


def _sound(task: TaskEvidence) -> TaskEvidence:
    """Return the evidence, one row of numbers a document; ValueError if it is not that."""
    if not all(type(doc_id) is int for doc_id in task.documents):
        raise ValueError("a document's id is no whole number")
    for metric, values in task.values.items():
        if not isinstance(metric, str) or values.dtype.kind not in "biuf":
            raise ValueError(f"the values of {metric!r} are of type {values.dtype}")
        if values.ndim not in (1, 2) or len(values) != len(task.documents):
            raise ValueError(f"{metric!r} has not one value a document")
    return task


def _bytes(data: Any) -> "ndarray":
    import numpy as np

    return np.frombuffer(json.dumps(data, separators=(",", ":")).encode(), dtype=np.uint8)
