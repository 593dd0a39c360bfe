"""Times one candidate of a search, made and scored: here, and as three peers do it.

    python benchmarks/candidate.py --mergekit PYTHON

`--mergekit` names a Python with mergekit 0.1.5 and lm-eval 0.4.13 (an environment of its own:
mergekit wants older packages). The models are the demo's, 200 000 parameters, trained into the
user's cache; each candidate is a random point of their search space (dare_ties) and is scored on
500 documents of three tasks, on one CPU thread. Ours is `optimerge search` itself, with all that
it does beside merging and scoring. The peers' loops stand in benchmarks/peers/loops.py, with what
of them is not reproduced: GPUs, Ray, vLLM, their samplers; lm-eval stands for OpenCompass.

Printed are CPU seconds (user + system, of a process and all that it started). `a candidate`: from
the end of the first to the end of the last, by their number; `start`: what comes before the first.
Where a peer starts processes for every candidate, their start is part of the candidate: the last
row is the same work in one process. Models this small show what is paid for every candidate
whatever its size; benchmarks/merge.py and benchmarks/scoring.py show what is paid by the parameter.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

if __name__ == "__main__":  # run as a file: what it imports lies a folder up
    sys.path.insert(0, str(Path(__file__).parents[1]))

LOOPS = Path(__file__).parent / "peers" / "loops.py"
PEERS = {
    "mergekit-evolve, on disk; mergenetic": "on_disk",
    "mergekit-evolve --in-memory": "in_memory",
    "MM-MO as released": "mmmo",
    "MM-MO, all in one process": "mmmo_in_process",
}
SLOWEST = "mmmo"
DONE = re.compile(r"^candidate \d+ is done|/\d+ trials · \d+ ")
"""What a search says of a merge, and a loop of a candidate. Parents are named, merges numbered."""
ITEMS = 500
PARENTS = 4


def recipes(space_file: Path, count: int) -> list[str]:
    """Return random points of a space as recipes, JSON, with models' paths absolute."""
    from optimerge.recipe.write import recipe_data, with_references
    from optimerge.space.points import random_point
    from optimerge.space.read import read_space

    space, rng = read_space(space_file), Random(0)
    names = [path.name for path in space_file.parent.iterdir() if (path / "config.json").exists()]
    places = {name: str(space_file.parent / name) for name in names}
    found = []
    for _ in range(count):
        recipe = with_references(space.recipe(random_point(space, rng), 0), places)
        data = recipe_data(recipe)
        data.pop("optimerge", None)
        found.append(json.dumps(data))
    return found


def search(space_file: Path, folder: Path, sampler: str, count: int) -> list[str]:
    """Return the command of a search of so many merges, each scored on all of its items."""
    return [
        sys.executable, "-m", "optimerge", "search", str(space_file), "--device", "cpu",
        "--run-dir", str(folder / sampler), "--trials", str(count + PARENTS),
        "--sampler", sampler, "--no-racing",
    ]  # fmt: skip


def loop(python: str, name: str, space_file: Path, tasks: Sequence[str], file: Path) -> list[str]:
    """Return the command of a peer's loop over the recipes of a file."""
    folder = str(space_file.parent / "tasks")
    return [python, str(LOOPS), name, str(file), folder, str(ITEMS), *tasks]


def cpu(process: Any) -> float:
    """Return CPU seconds of a process (psutil's) and of all that it started, ended ones too."""
    import psutil  # type: ignore[import-untyped]  # accelerate brings it

    found = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:  # it has just ended: its parent counts it
            continue
        found += times.user + times.system + times.children_user + times.children_system
    return found


def costs(command: Sequence[str]) -> tuple[float, float]:
    """Run a command to its end; return CPU seconds of a candidate, and of the start."""
    import psutil

    marks: list[float] = []
    said: list[str] = []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        watched = psutil.Process(process.pid)
        for line in process.stderr:
            said.append(line)
            if DONE.search(line):
                marks.append(cpu(watched))
    if process.returncode or len(marks) < 2:
        raise SystemExit(f"{' '.join(command)} failed:\n{''.join(said[-20:])}")
    candidate = (marks[-1] - marks[0]) / (len(marks) - 1)
    return candidate, marks[0] - candidate


def main() -> None:
    """Time all in turn and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mergekit", help="Python with mergekit 0.1.5 and lm-eval")
    parser.add_argument("--merges", type=int, default=30, help="of ours; half as many of peers'")
    parser.add_argument("--peers", nargs="+", choices=PEERS.values(), default=[*PEERS.values()])
    parser.add_argument("--zoo", type=Path, help="Folder of the zoo. Default: the user's cache.")
    given = parser.parse_args()
    if not given.mergekit:
        parser.error("give --mergekit PYTHON, a Python with mergekit 0.1.5 and lm-eval")

    from optimerge.zoo.config import DEFAULT
    from optimerge.zoo.make import cached_zoo, make_zoo

    zoo = make_zoo(given.zoo, DEFAULT) if given.zoo else cached_zoo(DEFAULT)
    tasks = [f"zoo_{task}" for task in DEFAULT.tasks]
    os.environ |= {"HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    print(f"{'CPU seconds':<38} {'a candidate':>11} {'times ours':>10} {'start':>7}", flush=True)
    ours = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        asked = {
            f"optimerge search --sampler {sampler}": search(
                zoo.space, folder, sampler, given.merges
            )
            for sampler in ("auto", "random")
        }
        for name, peer in PEERS.items():
            if peer in given.peers:
                count = 3 if peer == SLOWEST else max(2, given.merges // 2)
                file = folder / f"{peer}.jsonl"
                file.write_text("\n".join(recipes(zoo.space, count)))
                asked[name] = loop(given.mergekit, peer, zoo.space, tasks, file)
        for name, command in asked.items():
            candidate, start = costs(command)
            ours = ours or candidate
            ratio = candidate / ours
            print(f"{name:<38} {candidate:>11.2f} {ratio:>10.1f} {start:>7.1f}", flush=True)


if __name__ == "__main__":
    main()
