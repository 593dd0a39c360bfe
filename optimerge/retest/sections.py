"""What stands under the tables of a verdict: section by section, in sentences."""

from optimerge.records.plain import one_line
from optimerge.retest.sentences import (
    corrections,
    flattered,
    front_again,
    looks,
    volumes,
    worse_than_parents,
)
from optimerge.retest.verdict import Verdict


def sections(verdict: Verdict) -> list[tuple[str, list[str]]]:
    """Return titles with sentences; sections that say nothing are left out."""
    about = [f"{one_line(x.name)}: {one_line(x.about)}" for x in verdict.lines if x.about]
    failed = [f"{one_line(x.name)}: {one_line(x.error)}" for x in verdict.lines if x.error]
    skipped = [f"{one_line(name)}: {one_line(why)}" for name, why in verdict.skipped.items()]
    found = [
        ("The front on the test items", front_again(verdict)),
        ("Hypervolume", [volumes(verdict)]),
        ("Flattery", [flattered(verdict)]),
        ("Worse than the parents", worse_than_parents(verdict)),
        ("Models", about),
        ("Not tested", [*failed, *skipped]),
        ("How to read this", [legend(verdict), corrections(verdict), looks(verdict)]),
    ]
    told = [(title, [text for text in texts if text]) for title, texts in found]
    return [(title, texts) for title, texts in told if texts]


def legend(verdict: Verdict) -> str:
    """Return what the tables' columns and marks are."""
    masks = (
        " masks: lowest and highest score of the same merge with its random masks drawn anew."
        if any(line.masks for line in verdict.lines)
        else ""
    )
    reported = (
        f" {', '.join(map(one_line, verdict.reported))}: reported only, never searched on."
        if verdict.reported
        else ""
    )
    several = len(verdict.tasks) > 1
    mean = f"mean: of {', '.join(map(one_line, verdict.tasks))}. " if several else ""
    return (
        f"{mean}gap: search - test, ± standard errors. front: stays, falls off or joins on the "
        f"test items. *: significant after correction.{masks}{reported}"
    )
