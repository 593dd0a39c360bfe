"""Times one candidate of a search, made and scored: here, and as three peers do it.

    python benchmarks/candidate.py --mergekit PYTHON

`--mergekit` names a Python with mergekit 0.1.5 and lm-eval 0.4.13 (an environment of its own:
mergekit wants older packages). The models are the demo's, 200 000 parameters, trained into the
user's cache; each candidate is a random point of their search space (dare_ties) and is scored on
500 documents of three tasks, on one CPU thread. Ours is `optimerge search` itself, with all that
it does beside merging and scoring. The peers' loops stand in benchmarks/peers/loops.py, with what
of them is not reproduced: GPUs, Ray, vLLM, their samplers; lm-eval stands for OpenCompass.

Printed are CPU seconds (user + system, of all processes): `a candidate` is what one more of them
costs, from a run of few and a run of more; `start` is what the run costs beside them. Where a
peer starts processes for every candidate, their start is part of the candidate. Models this small
show what is paid for every candidate whatever its size; benchmarks/merge.py and
benchmarks/scoring.py show what is paid by the parameter.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

if __name__ == "__main__":  # run as a file: what it imports lies a folder up
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.build import measured

LOOPS = Path(__file__).parent / "peers" / "loops.py"
PEERS = {
    "mergekit-evolve, on disk; mergenetic": "on_disk",
    "mergekit-evolve --in-memory": "in_memory",
    "MM-MO as released": "mmmo",
}
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


def searches(space_file: Path, folder: Path, sampler: str) -> Callable[[int], list[str]]:
    """Return what gives the command of a search of so many merges, in a run of its own."""

    def command(count: int) -> list[str]:
        return [
            sys.executable, "-m", "optimerge", "search", str(space_file), "--device", "cpu",
            "--run-dir", str(folder / f"{sampler}-{count}"), "--trials", str(count + PARENTS),
            "--sampler", sampler, "--no-racing",
        ]  # fmt: skip

    return command


def loops(
    python: str, loop: str, space_file: Path, tasks: Sequence[str], folder: Path
) -> Callable[[int], list[str]]:
    """Return what gives the command of a peer's loop over so many candidates."""

    def command(count: int) -> list[str]:
        file = folder / f"{loop}-{count}.jsonl"
        file.write_text("\n".join(recipes(space_file, count)))
        return [python, str(LOOPS), loop, str(file), str(space_file.parent / "tasks"), str(ITEMS),
                *tasks]  # fmt: skip

    return command


def costs(command: Callable[[int], list[str]], few: int, folder: Path) -> tuple[float, float]:
    """Return CPU seconds of one more candidate, and of the start."""
    first, second = (measured(command(count), folder).cpu for count in (few, 2 * few))
    candidate = (second - first) / few
    return candidate, first - few * candidate


def main() -> None:
    """Time all in turn and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mergekit", help="Python with mergekit 0.1.5 and lm-eval")
    parser.add_argument("--candidates", type=int, default=10, help="in the run of few")
    parser.add_argument("--repeat", type=int, default=1, help="tables")
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
    for _ in range(given.repeat):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            asked = {
                f"optimerge search --sampler {sampler}": searches(zoo.space, folder, sampler)
                for sampler in ("auto", "random")
            } | {
                name: loops(given.mergekit, loop, zoo.space, tasks, folder)
                for name, loop in PEERS.items()
                if loop in given.peers
            }
            ours = 0.0
            for name, command in asked.items():
                few = given.candidates if "MM-MO" not in name else max(1, given.candidates // 5)
                candidate, start = costs(command, few, folder)
                ours = ours or candidate
                ratio = candidate / ours
                print(f"{name:<38} {candidate:>11.2f} {ratio:>10.1f} {start:>7.1f}", flush=True)


if __name__ == "__main__":
    main()
