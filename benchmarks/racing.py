"""What racing saves in real searches of the tiny zoo, and whether the front stays the same.

    python benchmarks/racing.py [--zoo FOLDER] [--trials 100] [--samplers random tpe]
        [--seeds 0 1 2] [--items 200 500] [--weights 0.8 2] [--live] [--keep FOLDER]

Every search starts cold: nothing but the parents, the average and the sampler. Each is run once
with racing off, all documents scored. The same points are then replayed, in their order, with and
without racing and with and without the objective sparsity (without it more models are rivals),
over all documents or the first so many of their random order: what is scored, how many members of
the final front were stopped wrongly, and the final hypervolume, which must be the same. A replay
uses the very class that a search uses. The column `least` is what an oracle would score that drops
each candidate which something earlier dominates before its first document: no rule can do better.

`--weights`: the highest weight of an expert; 0.8 is the zoo's own range, tuned to hold good merges,
2 is what somebody gives who does not know where they lie: many candidates are wrecks then.
`--live` also searches with racing on, for seconds and for the hypervolume that other proposals
lead to (a sampler then learns from partial scores). `--keep`: where searches are kept, and found
again; else they are done in a temporary folder. The zoo is trained (a minute) unless it is in the
user's cache or in `--zoo`.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import yaml
from numpy.typing import NDArray

from optimerge.front.dominance import non_dominated
from optimerge.front.hypervolume import hypervolume
from optimerge.front.racing.blocks import looks
from optimerge.front.racing.race import Incumbent, Race, RaceTask
from optimerge.front.reference import reference_point, scales
from optimerge.records.artifacts import artifacts_in

Array = NDArray[np.float64]
SPARSITY = "nonzero"


@dataclass(frozen=True)
class Recorded:
    """A search without racing: what every trial got on every document."""

    losses: Array
    """[trials, tasks, documents], in the order in which documents are scored."""
    sparsity: Array
    """[trials]"""
    parents: int
    """The first so many trials are never raced."""


@dataclass(frozen=True)
class Replayed:
    """The same trials with racing."""

    share: float
    """Of the documents of all trials, parents included."""
    least: float
    """The share that an oracle would score."""
    stopped: int
    wrong: int
    """Stopped although on all documents nothing scored before dominates them."""
    lost: int
    """Members of the final front that were stopped."""
    volume: float
    """Final hypervolume over that without racing."""
    milliseconds: float
    """For a race."""


class Quiet:
    """An observer that says nothing."""

    def trial(self, trial: object) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Setting:
    """A search to be done."""

    sampler: str
    seed: int
    weight: float
    """The highest weight of an expert."""

    def folder(self, keep: Path, *, racing: bool) -> Path:
        """Return where its run is kept."""
        name = f"{self.sampler}-{self.seed}-{self.weight:g}-{'on' if racing else 'off'}"
        return keep / name


def searched(zoo: Path, keep: Path, of: Setting, trials: int, *, racing: bool) -> str:
    """Search, or find a search done before; return the CPU seconds that it took."""
    from optimerge.cli.quiet import quiet
    from optimerge.search.budget import Stop, make_budget
    from optimerge.search.samplers.registry import sampler_named
    from optimerge.search.session import open_session
    from optimerge.search.study import search
    from optimerge.space.read import make_space

    folder = of.folder(keep, racing=racing)
    done = folder / "cpu-seconds"
    if done.is_file():
        return done.read_text()
    file = zoo / "space.yaml"
    data = yaml.safe_load(file.read_text())
    for model in data["models"]:
        model["parameters"]["weight"]["high"] = of.weight
    data["search"] = {"sampler": of.sampler, "seed": of.seed}
    if not racing:
        data["search"]["racing"] = False
    space = make_space(data, file)
    with quiet(scoring=True):
        session = open_session(space, folder, device="cpu")
        started = time.process_time()
        search(session, make_budget(trials, None), sampler_named(of.sampler), Stop(), Quiet())
    done.write_text(f"{time.process_time() - started:.1f}")
    return done.read_text()


def recorded(folder: Path) -> Recorded:
    """Read what a search without racing kept."""
    from optimerge.records.evidence import read_evidence
    from optimerge.records.run import open_run

    run = open_run(folder)
    trials = run.trials()
    losses = []
    for trial in trials:
        evidence = read_evidence(artifacts_in(folder), trial.evidence)
        assert evidence is not None
        losses.append([-1.0 * each.values["acc,none"] for each in evidence.tasks])
    return Recorded(
        losses=np.array(losses),
        sparsity=np.array([trial.scores[SPARSITY].value for trial in trials]),
        parents=sum(trial.is_parent for trial in trials),
    )


def replayed(of: Recorded, items: int, *, sparse: bool, confidence: float = 0.95) -> Replayed:
    """Race the trials in their order, each against the front of those before it."""
    losses = of.losses[:, :, :items]
    size, n = len(losses), of.parents
    exact = of.sparsity[:, None] if sparse else np.empty((len(losses), 0))
    points = np.hstack([losses.mean(axis=2), exact])
    tasks = [RaceTask(losses.shape[2])] * losses.shape[1]
    whole: list[int] = []
    scored, seconds, wrong, stopped = 0, 0.0, 0, list[int]()
    for trial in range(len(losses)):
        started = time.perf_counter()
        stops = None
        if trial >= of.parents:
            front = [i for i, on in zip(whole, non_dominated(points[whole]), strict=True) if on]
            rivals = [Incumbent(str(i), list(losses[i]), tuple(exact[i])) for i in front]
            race = Race(tasks, rivals, tuple(exact[trial]), confidence)
            stops = _stops(race, losses[trial])
        seconds += time.perf_counter() - started
        scored += sum(stops) if stops else losses[trial].size
        if stops is None:
            whole.append(trial)
            continue
        stopped.append(trial)
        wrong += not _dominated(points[trial], points[whole])
    corner = reference_point(points[: of.parents])
    unit = float(np.prod(scales(points[: of.parents])))
    full, raced = hypervolume(points, corner) / unit, hypervolume(points[whole], corner) / unit
    members = set(np.flatnonzero(non_dominated(points)).tolist())
    return Replayed(
        share=scored / losses.size,
        least=1 - sum(map(_dominated, points[n:], (points[:i] for i in range(n, size)))) / size,
        stopped=len(stopped),
        wrong=wrong,
        lost=len(members & set(stopped)),
        volume=raced / full,
        milliseconds=1e3 * seconds / (len(losses) - of.parents),
    )


def _dominated(point: Array, others: Array) -> bool:
    better = (others <= point).all(axis=1) & (others < point).any(axis=1)
    return bool(better.any())


def _stops(race: Race, losses: Array) -> tuple[int, ...] | None:
    """Return the documents of each task after which the race stops a candidate, if it does."""
    for upto in looks([losses.shape[1]] * len(losses)):
        for task, stop in enumerate(upto):
            race.add(task, losses[task, race.items[task] : stop])
        if race.verdict() is not None:
            return upto
        if not race.promising:
            return None
    return None


def live(folder: Path) -> tuple[float, int, float]:
    """Return the share of documents scored, trials stopped, and hypervolume of a raced search."""
    from optimerge.front.front import front_of
    from optimerge.records.run import open_run

    run = open_run(folder)
    trials = run.trials()
    counts = [sum(score.items for score in trial.scores.values()) for trial in trials]
    stopped = sum(trial.state == "pruned" for trial in trials)
    return sum(counts) / (len(counts) * max(counts)), stopped, front_of(run).relative_hypervolume


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Racing in searches of the tiny zoo.")
    parser.add_argument("--zoo", type=Path)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--samplers", nargs="+", default=["random", "tpe"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--items", type=int, nargs="+", default=[200, 500])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.8, 2.0])
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    from optimerge.zoo.make import cached_zoo, make_zoo

    zoo = (make_zoo(given.zoo) if given.zoo else cached_zoo()).directory
    with tempfile.TemporaryDirectory() as temporary:
        keep = given.keep or Path(temporary)
        settings = [
            Setting(sampler, seed, weight)
            for weight in given.weights
            for sampler in given.samplers
            for seed in given.seeds
        ]
        for each in settings:
            searched(zoo, keep, each, given.trials, racing=False)
        print_replays(settings, keep, given.items)
        if given.live:
            print_live(settings, keep, zoo, given.trials)


def print_replays(settings: Sequence[Setting], keep: Path, items: Sequence[int]) -> None:
    """Print the table of replays, means over the seeds; stopped, wrong and lost are sums."""
    head = ("weight", "sampler", "items", "sparsity", "scored", "least", "stopped", "of")
    print(" ".join(f"{name:>8}" for name in (*head, "wrong", "lost", "volume", "ms/race")))
    for weight, sampler in dict.fromkeys((each.weight, each.sampler) for each in settings):
        same = [each for each in settings if (each.weight, each.sampler) == (weight, sampler)]
        kept = [recorded(each.folder(keep, racing=False)) for each in same]
        for count in items:
            for sparse in (True, False):
                found = [replayed(of, count, sparse=sparse) for of in kept]
                print(
                    f"{weight:8g} {sampler:>8} {count:8} {sparse!s:>8} "
                    f"{mean(f.share for f in found):8.3f} {mean(f.least for f in found):8.3f} "
                    f"{sum(f.stopped for f in found):8} {sum(len(of.losses) for of in kept):8} "
                    f"{sum(f.wrong for f in found):8} {sum(f.lost for f in found):8} "
                    f"{min(f.volume for f in found):8.5f} "
                    f"{mean(f.milliseconds for f in found):8.1f}",
                    flush=True,
                )


def print_live(settings: Sequence[Setting], keep: Path, zoo: Path, trials: int) -> None:
    """Search with racing on, and print seconds and hypervolume beside those without."""
    head = ("weight", "sampler", "seed", "scored", "stopped", "cpu off", "cpu on", "vol off")
    print("\n" + " ".join(f"{name:>8}" for name in (*head, "vol on")))
    for each in settings:
        before = searched(zoo, keep, each, trials, racing=False)
        after = searched(zoo, keep, each, trials, racing=True)
        share, stopped, volume = live(each.folder(keep, racing=True))
        print(
            f"{each.weight:8g} {each.sampler:>8} {each.seed:8} {share:8.3f} {stopped:8} "
            f"{before:>8} {after:>8} {live(each.folder(keep, racing=False))[2]:8.4f} "
            f"{volume:8.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
