"""Lets objectives look at a parent before the first candidate, as drift does."""

from typing import TYPE_CHECKING

from optimerge.objectives.protocol import NeedsParent
from optimerge.search.named_parents import parent_named
from optimerge.search.session import Session

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def look_at_parents(session: Session) -> None:
    """Let the objectives that need it look at a parent, written into the resident model.

    Once; later calls cost nothing. What is written is the copy that is scored as the parent.
    """

    def write(name: str) -> "PreTrainedModel":
        models = session.models
        base = models.base.reference if models.has_base else None
        reference = parent_named(name, models.names, base)
        assert reference is not None, name  # checked when the session was opened
        session.engine.apply(session.parent_recipe(reference))
        return session.engine.model

    for objective in session.evaluation.objectives:
        if isinstance(objective, NeedsParent):
            objective.prepare(write)
