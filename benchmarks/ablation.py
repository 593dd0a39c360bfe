"""What each part of a sampler is worth: `mmmo` whole, without each part, as released; `auto` too.

    python benchmarks/ablation.py run [--of auto] --surfaces merge6 A6 --seeds 0-9 --keep FOLDER
    python benchmarks/ablation.py table [--of auto] --keep FOLDER

Surfaces, shared start, lag, measures and statistics are those of docs/benchmarks/search.md: gains
in hypervolume on test items. `run` goes on where the folder's runs end; for several processes give
each its own surfaces and one folder. Set OMP_NUM_THREADS=1.

Without the part "sparsity" a search is not told that objective; its points are then measured on
all. `kept 1` computes a round for every proposal instead of one for five. As released there are
both scales of scores: percents, as OpenCompass gave them (its acquisition is then 0 everywhere),
and shares.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a file: what it imports lies a folder up
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.quality.contest import Contestant
from benchmarks.quality.curves import curves_of, units_of
from benchmarks.quality.lookup import GROUPS, surface_named
from benchmarks.quality.play import play
from benchmarks.quality.records import Kept, Key, Row, append, kept_runs
from benchmarks.quality.statistics import mean_interval, paired
from benchmarks.surfaces.surface import Measured, Surface
from optimerge.errors import OptimergeError
from optimerge.records.types import Direction
from optimerge.search.samplers.registry import SAMPLERS
from optimerge.space.ranges import Param
from optimerge.space.space import SearchSpace

BUDGETS = (30, 60)
SPARSITY = ("nonzero", "l1", "l2")


@dataclass(frozen=True)
class Variant:
    """A sampler with options, on all objectives or without sparsity."""

    label: str
    sampler: str
    options: Mapping[str, Any]
    sparsity: bool = True
    lag: int = 1

    @property
    def contestant(self) -> Contestant:
        """It with the shared start; its label is the name that its sampler is known by here."""
        return Contestant(self.label, "shared", self.lag)


MMMO = (
    Variant("mmmo", "mmmo", {}),
    Variant("mmmo without acquisition", "mmmo", {"acquisition": False}),
    Variant("mmmo without weak-to-strong", "mmmo", {"weak_to_strong": False}),
    Variant("mmmo without fisher", "mmmo", {"fisher": False}),
    Variant("mmmo without sparsity", "mmmo", {}, sparsity=False),
    Variant("mmmo acquisition alone", "mmmo", {"weak_to_strong": False, "fisher": False}),
    Variant("mmmo kept 1", "mmmo", {"kept": 1}),
    Variant("as released, percents", "mmmo_as_released", {}, lag=0),
    Variant("as released, shares", "mmmo_as_released", {"percents": False}, lag=0),
    Variant("random points", "random", {}, lag=0),
)
AUTO = (
    Variant("auto", "auto", {}),
    Variant("auto without known noise", "auto", {"known_noise": False}),
    Variant("auto without known sparsity", "auto", {"known_sparsity": False}),
    Variant("auto without families", "auto", {"families": False}),
    Variant("auto without main effects", "auto", {"main_effects": False}),
    Variant("auto without moves", "auto", {"moves": False}),
)
OF: Mapping[str, Sequence[Variant]] = {"mmmo": MMMO, "auto": AUTO}
"""The variants of a sampler, the whole one first."""


@dataclass(frozen=True)
class WithoutSparsity:
    """A surface whose sparsity the search is not told."""

    whole: Surface

    @property
    def name(self) -> str:
        """As the whole surface: the same noise, the same start."""
        return self.whole.name

    @property
    def space(self) -> SearchSpace:
        """The space with the objectives that are left."""
        kept = [
            spec
            for spec, name in zip(
                self.whole.space.objectives, self.whole.space.objective_names, strict=True
            )
            if name in self.objectives
        ]
        return replace(self.whole.space, objectives=tuple(kept))

    @property
    def objectives(self) -> Mapping[str, Direction]:
        """All but sparsity."""
        return {n: d for n, d in self.whole.objectives.items() if n not in SPARSITY}

    @property
    def parents(self) -> Mapping[str, Measured]:
        """The parents' scores."""
        return {name: self._without(found) for name, found in self.whole.parents.items()}

    @property
    def parent_points(self) -> Mapping[str, dict[str, Param]]:
        """As the whole surface."""
        return self.whole.parent_points

    def measure(self, params: Mapping[str, Param]) -> Measured:
        """Measure a point."""
        return self._without(self.whole.measure(params))

    def _without(self, found: Measured) -> Measured:
        names = self.objectives
        return Measured(
            values={n: found.values[n] for n in names},
            stderr={n: found.stderr[n] for n in names},
            test={n: found.test[n] for n in names},
        )


def run_variant(variant: Variant, surface: Surface, seed: int, trials: int) -> Kept:
    """Return a run; of a search that was not told sparsity with its points measured on all."""
    if variant.sparsity:
        return play(surface, variant.contestant, seed, trials)
    run = play(WithoutSparsity(surface), variant.contestant, seed, trials)
    points = [
        {name: value for name, value in zip(run.dimensions, row, strict=True) if value is not None}
        for row in run.params
    ]
    found = [
        surface.measure(point) if row is not None else None
        for point, row in zip(points, run.values, strict=True)
    ]
    names = list(surface.objectives)

    def rows(place: int) -> list[Row]:
        return [None if each is None else [each[place][n] for n in names] for each in found]

    parents = {
        parent: {part: [own[place][n] for n in names] for place, part in enumerate(own._fields)}
        for parent, own in surface.parents.items()
    }
    return replace(
        run,
        objectives=dict(surface.objectives),
        parents=parents,
        values=rows(0),
        stderr=rows(1),
        test=rows(2),
    )


def register() -> None:
    """Make every variant a sampler by its label, in this process."""
    for variant in (*MMMO, *AUTO):
        made = SAMPLERS[variant.sampler].having(variant.options, variant.label)
        SAMPLERS[variant.label] = replace(made, name=variant.label)


def run(
    variants: Sequence[Variant],
    surfaces: Sequence[str],
    seeds: Sequence[int],
    trials: int,
    folder: Path,
) -> None:
    """Do what the folder lacks, seed by seed, so that a part is of use."""
    register()
    kept = kept_runs(folder)
    for seed in seeds:
        for name in surfaces:
            surface = surface_named(name)
            for variant in variants:
                key = Key(name, variant.contestant.label, seed)
                if key in kept and kept[key].trials >= trials:
                    continue
                if not variant.sparsity and not set(SPARSITY) & set(surface.objectives):
                    continue
                done = run_variant(variant, surface, seed, trials)
                append(folder, done)
                end = done.failure or f"{sum(done.seconds):.1f} CPU s of proposals"
                print(f"{name}, {variant.label}, seed {seed}: {end}", file=sys.stderr, flush=True)


def table(variants: Sequence[Variant], folder: Path) -> str:
    """Return the gains at every budget, and the paired difference to the whole, as Markdown."""
    runs = {key: found for key, found in kept_runs(folder).items() if not found.failure}
    curves = curves_of(folder, runs)
    units = {}
    for name in sorted({key.surface for key in runs}):
        own = [key for key in runs if key.surface == name]
        units[name] = units_of(name, [runs[key] for key in own], [curves[key] for key in own])[1]
    lines = [f"Surfaces: {', '.join(units)}. Gains on test items, 95 % bootstrap intervals."]
    for budget in BUDGETS:
        gains: dict[str, dict[tuple[str, int], float]] = {}
        for key, curve in curves.items():
            if len(curve.test) > budget:
                gain = units[key.surface].gain(curve.test[budget])
                gains.setdefault(key.label, {})[key.surface, key.seed] = gain
        lines += ["", f"| {budget} merges | gain | less than whole by | won, tied, lost |"]
        lines.append("|---|---|---|---|")
        whole = gains.get(variants[0].contestant.label, {})
        for variant in variants:
            label = variant.contestant.label
            if label in gains:
                lines.append(_line(variant.label, gains[label], whole))
    return "\n".join(lines) + "\n"


def _line(
    label: str, own: Mapping[tuple[str, int], float], whole: Mapping[tuple[str, int], float]
) -> str:
    surfaces = sorted({surface for surface, _ in own})
    gain = mean_interval([[v for (s, _), v in own.items() if s == name] for name in surfaces])
    line = f"| {label} | {gain.mean:.3f} [{gain.low:.3f}, {gain.high:.3f}] |"
    if own is whole or not own.keys() & whole.keys():
        return f"{line} | |"
    less = paired(whole, own)
    mean, low, high = less.difference
    counts = f"{less.won}, {less.tied}, {less.lost}"
    return f"{line} {mean:+.3f} [{low:+.3f}, {high:+.3f}] | {counts} |"


def _seeds(text: str) -> list[int]:
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(s) for s in text.split(",")]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 2 and one sentence for what cannot be done."""
    parser = argparse.ArgumentParser(description="What a sampler's parts are worth.")
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("--of", choices=list(OF), default="mmmo")
    everything = [name for names in GROUPS.values() for name in names]
    parser.add_argument("--surfaces", nargs="+", default=everything)
    parser.add_argument("--seeds", type=_seeds, default=list(range(10)), help="0-9 or 0,3,5")
    parser.add_argument("--trials", type=int, default=max(BUDGETS))
    parser.add_argument("--keep", type=Path, required=True, help="folder that runs are kept in")
    given = parser.parse_args(arguments)
    try:
        if given.what == "run":
            run(OF[given.of], given.surfaces, given.seeds, given.trials, given.keep)
        else:
            print(table(OF[given.of], given.keep), end="")
    except OptimergeError as error:
        print(f"benchmarks/ablation.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
