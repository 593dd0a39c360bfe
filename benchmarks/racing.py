"""What racing saves in real searches of the tiny zoo, and whether the front stays the same.

    python benchmarks/racing.py [--zoo FOLDER] [--trials 100] [--samplers random tpe]
        [--seeds 0 1 2] [--items 200 500] [--live] [--keep FOLDER]

Every search starts cold: nothing but the parents, the average and the sampler. Each is run once
with racing off, all documents scored. The same points are then replayed, in their order, with and
without racing and with and without the objective sparsity (without it more models are rivals),
over all documents or the first so many of their random order: what is scored, how many members of
the final front were stopped wrongly, and the final hypervolume, which must be the same. A replay
uses the very class that a search uses. `--live` also searches with racing on, for seconds and for
the hypervolume that other proposals lead to (a sampler then learns from partial scores).
`--keep`: where searches are kept, and found again; else they are done in a temporary folder. The
zoo is trained (a minute) unless it is in the user's cache or in `--zoo`.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from numpy.typing import NDArray

from optimerge.front.dominance import non_dominated
from optimerge.front.hypervolume import hypervolume
from optimerge.front.racing.blocks import looks
from optimerge.front.racing.race import Incumbent, Race, RaceTask
from optimerge.front.reference import reference_point, scales

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


def searched(zoo: Path, folder: Path, sampler: str, seed: int, trials: int, *, racing: bool) -> str:
    """Search, or find a search done before; return the CPU seconds that it took."""
    from optimerge.cli.quiet import quiet
    from optimerge.search.budget import Stop, make_budget
    from optimerge.search.samplers.registry import sampler_named
    from optimerge.search.session import open_session
    from optimerge.search.study import search
    from optimerge.space.read import read_space
    from optimerge.space.settings import overridden

    done = folder / "cpu-seconds"
    if done.is_file():
        return done.read_text()
    space = overridden(read_space(zoo / "space.yaml"), sampler=sampler, seed=seed)
    if not racing:
        settings = space.search.model_copy(update={"racing": False})
        space = replace(space, search=settings)
    with quiet(scoring=True):
        session = open_session(space, folder, device="cpu")
        started = time.process_time()
        search(session, make_budget(trials, None), sampler_named(sampler), Stop(), Quiet())
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
        evidence = read_evidence(folder, trial.evidence)
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
        before = points[whole]
        better = (before <= points[trial]).all(axis=1) & (before < points[trial]).any(axis=1)
        wrong += not better.any()
    corner = reference_point(points[: of.parents])
    unit = float(np.prod(scales(points[: of.parents])))
    full, raced = hypervolume(points, corner) / unit, hypervolume(points[whole], corner) / unit
    members = set(np.flatnonzero(non_dominated(points)).tolist())
    return Replayed(
        share=scored / losses.size,
        stopped=len(stopped),
        wrong=wrong,
        lost=len(members & set(stopped)),
        volume=raced / full,
        milliseconds=1e3 * seconds / (len(losses) - of.parents),
    )


def _stops(race: Race, losses: Array) -> tuple[int, ...] | None:
    """Return the documents of each task after which the race stops a candidate, if it does."""
    for upto in looks([losses.shape[1]] * len(losses)):
        for task, stop in enumerate(upto):
            race.add(task, losses[task, race.items[task] : stop])
        if race.verdict() is not None:
            return upto
    return None


def live(folder: Path) -> tuple[float, int, float]:
    """Return the share of documents scored, trials stopped, and hypervolume of a raced search."""
    from optimerge.cli.searching import front_of
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
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    from optimerge.zoo.make import cached_zoo, make_zoo

    zoo = (make_zoo(given.zoo) if given.zoo else cached_zoo()).directory
    with tempfile.TemporaryDirectory() as temporary:
        keep = given.keep or Path(temporary)
        runs = [(s, n, keep / f"{s}-{n}") for s in given.samplers for n in given.seeds]
        for sampler, seed, folder in runs:
            off = folder.with_name(folder.name + "-off")
            searched(zoo, off, sampler, seed, given.trials, racing=False)
        print_replays(runs, given.items)
        if given.live:
            print_live(runs, zoo, given.trials)


Runs = Sequence[tuple[str, int, Path]]


def print_replays(runs: Runs, items: Sequence[int]) -> None:
    """Print the table of replays, with the mean over the seeds of each sampler."""
    head = ("sampler", "seed", "items", "sparsity", "scored", "stopped", "wrong", "lost", "volume")
    print(" ".join(f"{name:>8}" for name in (*head, "ms/race")))
    for sampler in dict.fromkeys(name for name, _, _ in runs):
        mine = [(seed, folder) for name, seed, folder in runs if name == sampler]
        for count in items:
            for sparse in (True, False):
                shares = []
                for seed, folder in mine:
                    of = recorded(folder.with_name(folder.name + "-off"))
                    found = replayed(of, count, sparse=sparse)
                    shares.append(found.share)
                    print(
                        f"{sampler:>8} {seed:8} {count:8} {sparse!s:>8} {found.share:8.3f} "
                        f"{found.stopped:8} {found.wrong:8} {found.lost:8} {found.volume:8.5f} "
                        f"{found.milliseconds:8.1f}",
                        flush=True,
                    )
                mean = statistics.mean(shares)
                print(f"{sampler:>8} {'mean':>8} {count:8} {sparse!s:>8} {mean:8.3f}")


def print_live(runs: Runs, zoo: Path, trials: int) -> None:
    """Search with racing on, and print seconds and hypervolume beside those without."""
    head = ("sampler", "seed", "scored", "stopped", "cpu off", "cpu on", "vol off", "vol on")
    print("\n" + " ".join(f"{name:>8}" for name in head))
    for sampler, seed, folder in runs:
        off, on = folder.with_name(folder.name + "-off"), folder.with_name(folder.name + "-on")
        before = searched(zoo, off, sampler, seed, trials, racing=False)
        after = searched(zoo, on, sampler, seed, trials, racing=True)
        share, stopped, volume = live(on)
        print(
            f"{sampler:>8} {seed:8} {share:8.3f} {stopped:8} {before:>8} {after:>8} "
            f"{live(off)[2]:8.4f} {volume:8.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
