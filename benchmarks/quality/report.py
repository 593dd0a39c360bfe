"""The report: every table of the protocol, as Markdown."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.quality.comparisons import comparison_table, losses_text
from benchmarks.quality.goals import goals_text
from benchmarks.quality.lookup import GROUPS, group_of
from benchmarks.quality.markdown import interval, table
from benchmarks.quality.results import Measure, Results, by_surface, spoken
from benchmarks.quality.statistics import mean_interval

TESTED = (30, 60, 100)
"""Budgets at which the champion is held against everybody."""
REACH_AT, REACH_IN = 30, 12
SIZES = ((10, 30), (30, 60), (60, 100), (100, 300))
"""Proposals by how many merges came before."""


def report(results: Results, champion: str, target: str, budgets: Sequence[int]) -> str:
    """Return the whole report."""
    groups = _groups(results)
    parts = [
        "# The search benchmark: results\n",
        "Made by `python benchmarks/search.py table`; what every number means is in "
        "[search.md](search.md). Gains: 0 is the parents alone, 1 the best known front.\n",
        _what_ran(results),
        "## Goals\n",
        goals_text(results, champion, target, groups, TESTED),
        "## Losses: where the champion is behind a peer\n",
        losses_text(results, champion, TESTED),
        "## Gain on test items, by budget\n",
    ]
    for name, surfaces in groups.items():
        parts += [f"### {name}\n", gain_table(results, surfaces, budgets, "test")]
    parts += ["## Gain on search values, all surfaces\n"]
    parts += [gain_table(results, results.surfaces, budgets, "search")]
    for budget in TESTED:
        parts.append(f"## {champion} against everybody, {budget} merges, test items\n")
        for name, surfaces in groups.items():
            text = comparison_table(results, champion, budget, surfaces)
            parts += [f"### {name}\n", text]
    parts += ["## By surface, test items\n", *surface_tables(results, budgets)]
    parts += [f"## Merges needed to reach {target} after {REACH_AT}\n"]
    parts += [reach_table(results, target)]
    parts += ["## CPU seconds of a proposal, by merges before it\n", seconds_table(results)]
    return "\n".join(part if part.endswith("\n") else part + "\n" for part in parts)


def _groups(results: Results) -> dict[str, list[str]]:
    """Return the groups of surfaces that there are runs of; all first, if that is more than one."""
    names = [*GROUPS, "other", "real merges"]
    found = {g: [s for s in results.surfaces if group_of(s) == g] for g in names}
    found = {group: surfaces for group, surfaces in found.items() if surfaces}
    real = found.pop("real merges", [])
    whole = [s for s in results.surfaces if s not in real]
    every = {"all surfaces": whole} if len(found) > 1 else {}
    return every | found | ({"real merges": real} if real else {})


def _what_ran(results: Results) -> str:
    rows = []
    for surface in results.surfaces:
        keys = [key for key in results.curves if key.surface == surface]
        seeds = {key.seed for key in keys}
        lengths = sorted({len(results.curves[key].test) - 1 for key in keys})
        merges = (
            ""
            if not lengths
            else "–".join(str(n) for n in dict.fromkeys(lengths[:: len(lengths) - 1 or 1]))
        )
        rows.append([surface, group_of(surface), str(len(keys)), str(len(seeds)), merges])
    text = table(["surface", "group", "runs", "seeds", "merges"], rows)
    failed = [
        f"- {run.surface}, {run.label}, seed {run.seed}: {run.failure}" for run in results.failures
    ]
    head = (
        f"\n\n{len(failed)} runs failed and are left out:\n\n" if failed else "\n\nNo run failed."
    )
    return text + head + "\n".join(failed)


def gain_table(
    results: Results, surfaces: Sequence[str], budgets: Sequence[int], measure: Measure
) -> str:
    """Return gains by contestant and budget, the best at the middle budget first.

    A contestant without runs on some of the surfaces is said to have fewer, and stands last: its
    mean is one of other surfaces.
    """
    rows = []
    for label in results.labels:
        cells, on = [], 0
        for budget in budgets:
            groups = by_surface(results.gains(label, budget, measure, surfaces))
            cells.append(mean_interval(list(groups.values())))
            on = max(on, len(groups))
        if on:
            rows.append((label, on, cells))
    middle = len(budgets) // 2 + len(budgets) % 2 - 1
    rows.sort(key=lambda row: (-row[1], -_rank(row[2][middle].mean)))
    return table(
        ["sampler", *(str(b) for b in budgets), "surfaces"],
        [[label, *map(interval, cells), f"{on} of {len(surfaces)}"] for label, on, cells in rows],
    )


def _rank(mean: float) -> float:
    return -math.inf if math.isnan(mean) else mean


def surface_tables(results: Results, budgets: Sequence[int]) -> Iterable[str]:
    """Yield a table for every surface; runs longer than the budgets add their own length."""
    for surface in results.surfaces:
        longest = max(
            (len(c.test) - 1 for key, c in results.curves.items() if key.surface == surface),
            default=0,
        )
        own = [b for b in budgets if b <= longest]
        own += [longest] if longest > max(budgets) else []
        yield f"### {surface}\n"
        yield gain_table(results, [surface], own, "test")


def reach_table(results: Results, target: str) -> str:
    """Return medians by surface and contestant, and the share of runs within 12 merges."""
    surfaces = [s for s in results.surfaces if results.gains(target, REACH_AT, "test", [s])]
    if not surfaces:
        return f"No run of {target} has {REACH_AT} merges."
    rows = []
    for label in results.labels:
        found = results.reached(label, target, REACH_AT)
        runs = [n for each in found.values() for n in each]
        if not runs:
            continue
        budget = max(len(c.test) - 1 for key, c in results.curves.items() if key.label == label)
        cells = [spoken(float(np.median(found[s])), budget) if s in found else "" for s in surfaces]
        within = np.mean([n <= REACH_IN for n in runs])
        middle = float(np.median(runs))
        rows.append((middle, [label, spoken(middle, budget), f"{within:.0%}", *cells]))
    rows.sort(key=lambda row: row[0])
    head = ["sampler", "all runs", f"within {REACH_IN}", *surfaces]
    return table(head, [row for _, row in rows])


def seconds_table(results: Results) -> str:
    """Return medians by sampler, dimensions of the surface and merges before the proposal."""
    found: dict[tuple[str, int, int], dict[tuple[int, int], list[float]]] = {}
    for run in results.runs.values():
        row = (run.label.partition("@")[0], len(run.dimensions), len(run.objectives))
        for low, high in SIZES:
            times = [
                s
                for s, origin in zip(run.seconds[low:high], run.origin[low:high], strict=False)
                if origin != "start"
            ]
            found.setdefault(row, {}).setdefault((low, high), []).extend(times)
    return table(
        ["sampler", "dimensions", "objectives", *(f"{low} to {high - 1}" for low, high in SIZES)],
        [
            [name, str(d), str(m), *(f"{np.median(v):.3f}" if v else "" for v in sizes.values())]
            for (name, d, m), sizes in sorted(found.items())
        ],
    )
