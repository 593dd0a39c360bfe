"""Which tasks' documents an objective is the mean of, kept so that it is read without the tasks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.errors import RunError
from optimerge.records.evidence import Evidence
from optimerge.retest.tested import Items

if TYPE_CHECKING:
    from optimerge.objectives.protocol import Objective


@dataclass(frozen=True)
class Part:
    """One task of an objective."""

    task: str
    digest: str
    """Of its items, as evidence has it."""
    metric: str
    """`metric,filter`."""
    weight: float
    """In the objective's value; those of its parts sum to 1."""


def parts_of(objectives: "Iterable[Objective]") -> dict[str, list[list[Any]]]:
    """Return the parts of each objective that is a weighted mean of documents' outcomes."""
    from optimerge.objectives.groups import GroupScorer
    from optimerge.objectives.metrics import is_mean
    from optimerge.objectives.scorer import TaskScorer

    found: dict[str, list[list[Any]]] = {}
    for each in objectives:
        members = each.members if isinstance(each, GroupScorer) else (each,)
        scorers = [member for member in members if isinstance(member, TaskScorer)]
        if not scorers or not all(is_mean(s.run.task, s.metric.name) for s in scorers):
            continue
        sizes = [len(s.run.documents) for s in scorers]
        if isinstance(each, GroupScorer) and not each.by_size:
            sizes = [1] * len(scorers)
        found[each.name] = [
            [s.run.name, s.run.digest, str(s.metric), size / sum(sizes)]
            for s, size in zip(scorers, sizes, strict=True)
        ]
    return found


def sound_parts(kept: Any, where: str) -> dict[str, list[Part]]:
    """Return what the study keeps as parts; RunError if it is no such thing."""
    try:
        return {
            str(name): [Part(str(t), str(d), str(m), float(w)) for t, d, m, w in parts]
            for name, parts in dict(kept).items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise RunError(
            f"{where}: which documents its test scored cannot be read ({error}); "
            "this optimerge did not write it"
        ) from None


def items_in(evidence: Evidence | None, parts: Mapping[str, list[Part]]) -> dict[str, Items]:
    """Return the outcomes of every objective that the evidence has whole, by document id."""
    import numpy as np

    found: dict[str, Items] = {}
    for name, own in parts.items() if evidence else ():
        assert evidence is not None
        arrays = []
        for part in own:
            kept = evidence.of(part.task, part.digest)
            values = kept.values.get(part.metric) if kept else None
            if kept is None or values is None or values.ndim != 1:
                break
            array = np.asarray(values, dtype=np.float64)[np.argsort(kept.documents)]
            if not np.isfinite(array).all():
                break  # a metric that leaves documents out: no mean over all of them
            array.flags.writeable = False
            arrays.append(array)
        else:
            found[name] = Items(tuple(arrays), tuple(part.weight for part in own))
    return found
