"""Scores a folder that another tool built, in the resident model of a session."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from optimerge.objectives.protocol import Candidate
from optimerge.records.types import Score
from optimerge.search.session import Session

if TYPE_CHECKING:
    from torch import Tensor


def score_folder(
    session: Session, names: Iterable[str], read: "Callable[[str], Tensor | None]"
) -> Mapping[str, Score]:
    """Return the scores, on the session's items, of tensors written over the resident model.

    `names`, `read`: the tensors of the folder, shaped as the last candidate. The batches are those
    of the search, so the same tensors give the same scores. TrialError if it cannot be scored.
    """
    found = ((name, tensor) for name in names if (tensor := read(name)) is not None)
    stats = session.engine.overwrite(found)
    return session.evaluation.score(Candidate(session.engine.model, stats)).scores
