"""The goals of issue 6, each as met or missed by the runs there are."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.quality.comparisons import compare, peers_of
from benchmarks.quality.markdown import interval, p_value
from benchmarks.quality.results import Results

ZOOS = ("default zoo", "hard zoo")
SIGNIFICANT = 0.05
WITHIN = 12


def goals_text(
    results: Results,
    champion: str,
    target: str,
    groups: Mapping[str, Sequence[str]],
    budgets: Sequence[int],
) -> str:
    """Return a line for each goal; a missed one names what it was missed by."""
    lines = list(_ahead(results, champion, groups, budgets))
    lines.append(_reach(results, champion, target))
    lines.append(_mended(results, target))
    return "\n".join(f"- {line}" for line in lines)


def _ahead(
    results: Results, champion: str, groups: Mapping[str, Sequence[str]], budgets: Sequence[int]
) -> Iterator[str]:
    peers = peers_of(results, champion)
    for zoo in ZOOS:
        for budget in budgets:
            found = compare(results, champion, peers, budget, "test", groups.get(zoo, []))
            name = f"{champion} ahead of every peer on the {zoo} after {budget} merges"
            if not found:
                yield f"{name}: not measured"
                continue
            short = [
                f"{c.label} ({interval(c.found.difference)}, p {p_value(c.corrected)})"
                for c in found
                if not (c.corrected < SIGNIFICANT and c.found.difference.mean > 0)
            ]
            yield f"{name}: {'met' if not short else 'MISSED against ' + '; '.join(short)}"


def _reach(results: Results, champion: str, target: str) -> str:
    found = results.reached(champion, target, 30)
    name = f"{champion} reaches {target} after 30 within {WITHIN} merges"
    if not found:
        return f"{name}: not measured"
    medians = {surface: float(np.median(runs)) for surface, runs in found.items()}
    late = [f"{s} ({m:g})" for s, m in medians.items() if m > WITHIN]
    overall = float(np.median([n for runs in found.values() for n in runs]))
    met = "met" if overall <= WITHIN else "MISSED"
    return f"{name}: {met}, median {overall:g}" + (f"; later on {', '.join(late)}" if late else "")


def _mended(results: Results, target: str) -> str:
    name = f"mmmo@shared ahead of {target} after 30 merges"
    found = compare(results, "mmmo@shared", [target], 30, "test")
    if not found:
        return f"{name}: not measured"
    pair = found[0].found
    met = pair.p < SIGNIFICANT and pair.difference.mean > 0
    text = f"{interval(pair.difference)}, p {p_value(pair.p)}"
    return f"{name}: {'met' if met else 'MISSED'}, {text}"
