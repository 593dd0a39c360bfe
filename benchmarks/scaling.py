"""Trials an hour with 1, 2, 4 and 8 workers, and what a trial costs beside its scoring.

    python benchmarks/scaling.py                # 20 s a trial; journal; random, and auto
    python benchmarks/scaling.py --quick        # a minute or two, to see that it works
    python benchmarks/scaling.py --url postgresql+psycopg://...     # a database instead
    python benchmarks/scaling.py --known 0 10000                    # studies that hold so many

Loop, storage, leases and samplers are those of a search; merging takes no time, and a score comes
after so many seconds of sleep. The parents, and with `--known` so many finished trials, are in the
study before the clock starts; it runs from when all workers are ready until the last score is
there. Efficiency: the time that the sleeping alone would take with so many workers, by the time
that it took. Between the scorings of a worker lies all the rest: recording a trial, proposing and
beginning the next; what a proposal takes beside the scoring does not count there. On a machine
with fewer cores than workers, proposals wait for each other as they would not on as many devices.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from benchmarks.quality.markdown import table  # noqa: E402  # after the path is set
from benchmarks.workers.fill import fill  # noqa: E402  # after the path is set
from benchmarks.workers.worker import Told  # noqa: E402  # after the path is set


@dataclass(frozen=True)
class Row:
    """What was measured with so many workers."""

    sampler: str
    known: int
    workers: int
    trials: int
    seconds: float
    """Wall time of all trials."""
    sleeping: float
    """What a scoring takes."""
    told: Sequence[Told]

    @property
    def cells(self) -> list[str]:
        """Return the row as text."""
        ideal = self.trials * self.sleeping / self.workers
        between = sorted(each for told in self.told for each in told.between)
        proposing = [each for told in self.told for each in told.proposing]
        return [
            self.sampler,
            str(self.known),
            str(self.workers),
            f"{3600 * self.trials / self.seconds:.0f}",
            f"{ideal / self.seconds:.1%}",
            _milliseconds(statistics.median(between) if between else None),
            _milliseconds(between[int(0.95 * len(between))] if between else None),
            _milliseconds(statistics.median(proposing) if proposing else None),
            _milliseconds(statistics.mean(told.cpu for told in self.told)),
        ]


HEAD = ["sampler", "known trials", "workers", "trials/h", "efficiency", "between, ms"]
HEAD += ["95 % of them, ms", "proposal, ms", "CPU a trial, ms"]


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.1f}"


def measure(
    folder: Path, url: str, sampler: str, known: int, workers: int, sleeping: float, each: int
) -> Row:
    """Run so many workers on a new run until each could have done so many trials."""
    there = fill(folder, url, known)
    trials = workers * each
    command = [sys.executable, "-m", "benchmarks.workers.worker", str(folder), url or "-"]
    processes = [
        subprocess.Popen(
            [*command, str(index), str(sleeping), str(there + trials), sampler],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for index in range(workers)
    ]
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit("a worker could not start; its error is above")
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [Told(**json.loads(process.communicate()[0])) for process in processes]
    seconds = max(t.ended for t in told) - min(t.began for t in told)
    return Row(sampler, known, workers, trials, seconds, sleeping, told)


def main(words: Sequence[str] | None = None) -> None:
    """Measure every combination and print the table."""
    parser = argparse.ArgumentParser(description="Trials an hour by the number of workers.")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--samplers", nargs="+", default=["random", "auto"])
    parser.add_argument("--known", type=int, nargs="+", default=[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of a scoring")
    parser.add_argument("--trials", type=int, default=10, help="of each worker")
    parser.add_argument("--url", default="", help="database instead of a journal")
    parser.add_argument("--quick", action="store_true", help="half a second, few trials")
    given = parser.parse_args(words)
    if given.quick:
        given.seconds, given.trials, given.workers = 0.5, 4, given.workers[:2]
    rows: list[list[str]] = []
    print(f"scoring {given.seconds:g} s, {given.trials} trials a worker")
    for sampler in given.samplers:
        for known in given.known:
            for workers in given.workers:
                with tempfile.TemporaryDirectory() as folder:
                    name = f"scaling-{uuid.uuid4().hex}"
                    row = measure(
                        Path(folder) / name,
                        given.url,
                        sampler,
                        known,
                        workers,
                        given.seconds,
                        given.trials,
                    )
                rows.append(row.cells)
                print(" ".join(row.cells), file=sys.stderr, flush=True)
    print(table(HEAD, rows))


if __name__ == "__main__":
    main()
