"""The champion against every other contestant: paired tests, verdicts by surface, losses first."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.quality.contest import is_ours
from benchmarks.quality.markdown import interval, p_value, table
from benchmarks.quality.results import Measure, Results, by_surface
from benchmarks.quality.statistics import Paired, holm, mean_interval, paired


class Comparison(NamedTuple):
    """The champion against one contestant, p corrected over all of the table."""

    label: str
    found: Paired
    corrected: float
    surfaces: int


def peers_of(results: Results, champion: str) -> list[str]:
    """Return the contestants that are no variant of our own samplers."""
    return [x for x in results.labels if x != champion and not is_ours(x.partition("@")[0])]


def compare(
    results: Results,
    champion: str,
    others: Sequence[str],
    budget: int,
    measure: Measure,
    surfaces: Sequence[str] | None = None,
) -> list[Comparison]:
    """Compare the champion with each other contestant on the surfaces and seeds that both have."""
    own = results.gains(champion, budget, measure, surfaces)
    found = {}
    for label in others:
        gains = results.gains(label, budget, measure, surfaces)
        if own.keys() & gains.keys():
            found[label] = (paired(own, gains), {s for s, _ in own.keys() & gains.keys()})
    corrected = holm({label: pair.p for label, (pair, _) in found.items()})
    return [
        Comparison(label, pair, corrected[label], len(on)) for label, (pair, on) in found.items()
    ]


def best_peer(
    results: Results, peers: Sequence[str], budget: int, measure: Measure, surfaces: Sequence[str]
) -> str | None:
    """Return the peer with the highest mean of the surfaces' means; it must have run on all."""
    means = {}
    for label in peers:
        groups = by_surface(results.gains(label, budget, measure, surfaces))
        if set(groups) == set(surfaces):
            means[label] = mean_interval(list(groups.values())).mean
    return max(means, key=lambda label: means[label]) if means else None


def comparison_table(
    results: Results,
    champion: str,
    budget: int,
    surfaces: Sequence[str],
    measure: Measure = "test",
) -> str:
    """Return the table of the champion against everybody at a budget, the strongest first."""
    peers = peers_of(results, champion)
    ours = [label for label in results.labels if label not in peers and label != champion]
    best = best_peer(results, peers, budget, measure, surfaces)
    rows = []
    found = compare(results, champion, peers, budget, measure, surfaces)
    found += compare(results, champion, ours, budget, measure, surfaces)
    if not found:
        return "Not measured."
    for each in sorted(found, key=lambda c: c.found.difference.mean):
        pair = each.found
        rows.append(
            [
                each.label + (" (best peer)" if each.label == best else ""),
                interval(pair.difference),
                f"{pair.won} / {pair.tied} / {pair.lost}",
                p_value(each.corrected),
                p_value(pair.p_surfaces),
                str(each.surfaces),
            ]
        )
    head = ["against", "mean difference in gain", "won / tied / lost", "p (Holm)"]
    return table([*head, "p (surfaces)", "surfaces"], rows)


def verdicts(
    results: Results, champion: str, budgets: Sequence[int], measure: Measure = "test"
) -> Iterator[tuple[str, str, int, Paired]]:
    """Yield (surface, peer, budget, comparison) for every surface by itself."""
    for surface in results.surfaces:
        for budget in budgets:
            for each in compare(
                results, champion, peers_of(results, champion), budget, measure, [surface]
            ):
                yield surface, each.label, budget, each.found


def losses_text(results: Results, champion: str, budgets: Sequence[int]) -> str:
    """Return the list of where the champion is behind, then the counts of all verdicts."""
    counts: dict[str, dict[str, int]] = {}
    behind = []
    for surface, peer, budget, found in verdicts(results, champion, budgets):
        counts.setdefault(surface, dict.fromkeys(("ahead", "undecided", "behind"), 0))
        counts[surface][found.verdict] += 1
        if found.verdict == "behind":
            behind.append(f"- {surface}, {budget} merges: {peer}, {interval(found.difference)}")
    if not counts:
        return f"Not measured: {champion} and a peer have no runs of {min(budgets)} merges."
    losses = "\n".join(behind) if behind else "None: no interval lies below 0."
    rows = [[name, *(str(n) for n in found.values())] for name, found in counts.items()]
    head = ["surface", "ahead", "undecided", "behind"]
    return f"{losses}\n\nAll verdicts, over peers and budgets:\n\n{table(head, rows)}"
