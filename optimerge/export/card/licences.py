"""Which licence a merge has by its parents', and what must be said where that is not clear."""

from collections.abc import Sequence
from dataclasses import dataclass

from optimerge.export.card.front_matter import Licence
from optimerge.export.card.parents import Parent


@dataclass(frozen=True)
class Verdict:
    """The licence to state, None where nobody has decided yet, and a paragraph on it."""

    licence: Licence | None
    said: str
    differ: bool = False
    """Whether the parents' licences are known to differ."""


def judge(parents: Sequence[Parent]) -> Verdict:
    """Return the licence that all parents have; where they differ, or one is unknown, none."""
    known = list(dict.fromkeys(p.said.licence for p in parents if p.said.licence))
    unknown = [p.shown for p in parents if p.said.licence is None]
    if len(known) > 1:
        kinds = ", ".join(sorted({licence.shown for licence in known}))
        also = f" ({_listed(unknown)}: unknown)" if unknown else ""
        return Verdict(
            None,
            f"The parents' licences differ: {kinds}{also}. Which of them a merge of these models "
            "may be passed on under is for a person to decide: read them before you do.",
            differ=True,
        )
    if unknown:
        of = "any parent" if len(unknown) == len(parents) else _listed(unknown)
        rest = f" The others have {known[0].shown}." if known else ""
        return Verdict(None, f"No licence is stated here: that of {of} is not known.{rest}")
    if not known:
        return Verdict(None, "No licence is stated here: none is known.")
    return Verdict(known[0], f"{known[0].shown}, as all parents have.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
