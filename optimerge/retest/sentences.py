"""What a verdict says in sentences: its first line, and what a table cannot say."""

from collections.abc import Iterator, Sequence

from optimerge.records.plain import one_line
from optimerge.retest.beats import Comparison
from optimerge.retest.figures import figure, p_value, signed, spanned, times, with_error
from optimerge.retest.verdict import Line, Verdict

_UNITS = (
    " (units of the parents' range; 95 % bootstrap intervals, too high where many models are "
    "nearly equal and items are few)"
)


def headline(verdict: Verdict) -> str:
    """Return the first line of every report: whether a merge beats the best baseline, or not.

    The mean of the tasks decides; without one, and where the mean decides nothing, each task.
    """
    found = [c for c in verdict.test if c.against == "baselines" and _searched(c, verdict)]
    if not any(line.kind == "merge" and line.test for line in verdict.lines):
        return "No merge was scored on the test items, so nothing is said of merges."
    if not found:
        return "No baseline was scored, so whether a merge beats the best one is not known."
    main = [c for c in found if c.task is None] or found
    won = sorted((c for c in main if c.significant), key=_strength)
    if won:
        others = len({c.model for c in won} - {won[0].model})
        more = f"; {others} other merge{'s do' if others > 1 else ' does'} too" if others else ""
        return f"{_who(won[0])} beats the best baseline: {_figures(won[0], verdict)}{more}."
    near = min(main, key=_strength)
    partly = sorted((c for c in found if c.significant), key=_strength)
    if partly:
        return (
            f"No merge beats the best baseline significantly on {_on(None, verdict)}, only on "
            f"{one_line(partly[0].task or '')}: {_who(partly[0], small=True)}, "
            f"{_figures(partly[0], verdict)}."
        )
    return (
        f"No merge beats the best baseline significantly; the nearest is {_who(near, small=True)}: "
        f"{_figures(near, verdict)}."
    )


def worse_than_parents(verdict: Verdict) -> list[str]:
    """Return a sentence for each merge that scores below the best parent somewhere."""
    return [text for line in verdict.lines if (text := _worse(line, verdict))]


def front_again(verdict: Verdict) -> list[str]:
    """Return what becomes of the front on the test items."""
    lines = {line.name: line for line in verdict.lines}
    falls = [
        f"{called(lines[name])} (dominated by "
        f"{listed([called(lines[other]) for other in lines[name].dominated_by])})"
        for name in verdict.falls
    ]
    joins = [called(lines[name]) for name in verdict.joins]
    return [
        f"Stay: {listed([called(lines[name]) for name in verdict.stays]) or 'none'}.",
        f"Fall: {listed(falls) or 'none'}.",
        f"Would join: {listed(joins) or 'none'}.",
    ]


def volumes(verdict: Verdict) -> str:
    """Return the hypervolumes, with intervals."""
    said = {
        "search": "on search items",
        "test": "on test items",
        "without": "of parents and baselines alone, on test items",
    }
    found = [
        f"{spanned(verdict.volumes[k])} {text}" for k, text in said.items() if k in verdict.volumes
    ]
    return "; ".join(found) + _UNITS if found else ""


def flattered(verdict: Verdict) -> str:
    """Return whether the search flattered what it chose; "" if nothing is known."""
    found = verdict.flattery
    if found is None:
        return ""
    lost = (
        f"on {_on(None, verdict)} merges score {signed(found.gap)} higher on search than on test "
        "items"
    )
    verb = "is flattered" if found.flattered else "is not significantly flattered"
    if found.excess is None or found.parents is None:
        return f"The front {verb}: {lost}."
    return (
        f"The front {verb}: {lost}, parents, which nobody chose, {signed(found.parents)}; the "
        f"difference is what the search made of chance: {signed(found.excess)}."
    )


def looks(verdict: Verdict) -> str:
    """Return how often the test items were looked at, and what that means."""
    again = (
        ""
        if verdict.looks == 1
        else ": each look after which something is chosen makes them less of a test"
    )
    return f"The test items were looked at {times(verdict.looks)}{again}."


def corrections(verdict: Verdict) -> str:
    """Return what the probabilities are, and what the p-values are corrected for."""
    family = max((c.family for c in verdict.test), default=0)
    return (
        f"P: share of {verdict.draws} paired bootstrap draws over the test items in which nothing "
        "dominates a model (P front), in which it beats every parent or every baseline. p, and *: "
        f"sign-flip tests, corrected for {family} comparisons."
    )


def called(line: Line) -> str:
    """Return what sentences call a model."""
    name = one_line(line.name)
    return f"trial {name}" if line.kind == "merge" and name.isdigit() else name


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them."""
    return ", ".join(one_line(name) for name in names)


def _searched(found: Comparison, verdict: Verdict) -> bool:
    return found.task is None or found.task in verdict.objectives


def _strength(found: Comparison) -> tuple[float, float]:
    """Order by p-value, then by difference: the strongest first."""
    return (2.0 if found.p_corrected is None else found.p_corrected, -found.difference.value)


def _who(found: Comparison, *, small: bool = False) -> str:
    name = one_line(found.model)
    return f"{'trial' if small else 'Trial'} {name}" if name.isdigit() else name


def _on(task: str | None, verdict: Verdict) -> str:
    if task is not None:
        return one_line(task)
    if len(verdict.tasks) == 1:
        return one_line(verdict.tasks[0])
    return f"the mean of {len(verdict.tasks)} tasks"


def _figures(found: Comparison, verdict: Verdict) -> str:
    after = f" after correction for {found.family} comparisons" if found.family > 1 else ""
    return (
        f"{figure(found.ours)} against {figure(found.theirs)} of {one_line(found.rival)} on "
        f"{_on(found.task, verdict)}, {signed(found.difference)} ({p_value(found.p_corrected)}"
        f"{after})"
    )


def _worse(line: Line, verdict: Verdict) -> str:
    found = [c for c in verdict.test if c.model == line.name and c.against == "parents" and c.worse]
    parents = {each.name for each in verdict.lines if each.kind == "parent"}
    above = [name for name in line.dominated_by if name in parents]
    if line.kind != "merge" or not (found or above):
        return ""
    start = f"{called(line)} is worse than the best parent on "
    parts = list(_parts(found, verdict))
    said = start + "; ".join(parts) if parts else ""
    beaten = f"{called(line)} is dominated by parent {listed(above)}" if above else ""
    return ". ".join(text[0].upper() + text[1:] for text in (beaten, said) if text) + "."


def _parts(found: Sequence[Comparison], verdict: Verdict) -> Iterator[str]:
    for each in sorted(found, key=lambda c: c.task is not None):
        if each.task is not None and len(verdict.tasks) == 1 and each.task in verdict.tasks:
            continue  # the mean of one task has said it
        sure = "" if each.surely_worse else ", within chance"
        where = _on(each.task, verdict)
        below = with_error(-each.difference.value, each.difference.stderr)
        yield f"{where} by {below} ({one_line(each.rival)}{sure})"
