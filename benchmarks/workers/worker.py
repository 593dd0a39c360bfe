"""One worker of the benchmark: searches a simulated run when told to, and says what it cost.

    python -m benchmarks.workers.worker FOLDER URL INDEX SECONDS TRIALS SAMPLER

Prints "ready" when the run is open, waits for a line on standard input, and in the end prints a
line of JSON: see `Told`. URL "-": the journal in the folder.
"""

import json
import logging
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.workers.simulated import open_simulated
from optimerge.records.types import Trial
from optimerge.search.budget import Stop, make_budget
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.study import search


@dataclass(frozen=True)
class Told:
    """What a worker says in the end."""

    began: float
    ended: float
    """Seconds of the monotonic clock, which the processes of a machine share."""
    between: list[float]
    """Seconds between the end of a scoring and the beginning of the next."""
    proposing: list[float]
    """Seconds that each proposal took, then or while the trial before was scored."""
    cpu: float
    """CPU seconds a trial."""


class Watcher:
    """Keeps what proposals took."""

    def __init__(self) -> None:
        self.proposing: list[float] = []

    def trial(self, trial: Trial) -> None:
        """Look at a finished trial."""
        if "propose" in trial.seconds:
            self.proposing.append(trial.seconds["propose"])


def main(words: list[str]) -> None:
    """Search as told."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.disable()
    folder, url, index, seconds, trials, sampler = words
    session, engine = open_simulated(
        Path(folder), "" if url == "-" else url, float(seconds), int(index)
    )
    session.run.finished()  # what was there before is read now
    named = sampler_named(sampler)
    print("ready", flush=True)
    sys.stdin.readline()
    watcher, began, cpu = Watcher(), time.monotonic(), time.process_time()
    search(session, make_budget(int(trials), None), named, Stop(), watcher)
    used = (time.process_time() - cpu) / max(1, len(engine.slept))
    ends = [end for _, end in engine.slept]
    starts = [start for start, _ in engine.slept]
    between = [start - end for end, start in zip(ends, starts[1:], strict=False)]
    ended = max(ends, default=began)
    print(json.dumps(asdict(Told(began, ended, between, watcher.proposing, used))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
