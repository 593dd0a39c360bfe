"""Plants a sample of small faults in a room of the package and says which ones no test notices.

    python -m benchmarks.mutation front --count 60 --seed 0

Each mutant is tried with the tests of its room that run its line; what they do not notice is a
survivor, and the exit status is 1. What equivalents.yaml says nothing could notice is not drawn.
`--known FOLDER` keeps what a run without faults has told, for the next call.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

from benchmarks.mutation.known import Known, check_found, learn
from benchmarks.mutation.mutants import Mutant, mutants_of, mutated, sample
from benchmarks.mutation.workplace import TIMED_OUT, Workplace, workplace

ROOT = Path(__file__).parents[2]
EQUIVALENTS = Path(__file__).parent / "equivalents.yaml"
NO_PYTHON = ("triton_",)
"""Starts of names of files whose functions are compiled for a GPU, not run."""
NO_UNITS = ("test_triton", "test_gpu_", "test_stress")
"""Starts of names of files of tests that take long and aim at nothing that is planted here."""


def room_files(room: str) -> list[Path]:
    """Return the room's files, relative to the repository."""
    files = sorted((ROOT / "optimerge" / room).rglob("*.py"))
    return [f.relative_to(ROOT) for f in files if not f.name.startswith(NO_PYTHON)]


def room_tests(room: str) -> list[str]:
    """Return the files of the room's own tests."""
    files = sorted((ROOT / "tests" / room).rglob("test_*.py"))
    return [str(f.relative_to(ROOT)) for f in files if not f.name.startswith(NO_UNITS)]


def equivalents() -> dict[str, str]:
    """Return by name of a mutant why it changes nothing that a test could see."""
    return {each["name"]: each["why"] for each in yaml.safe_load(EQUIVALENTS.read_text("utf-8"))}


def tried(place: Workplace, known: Known, mutant: Mutant, first: str, most: float) -> str:
    """Return what became of a mutant: killed, timed out, survived, or untested."""
    tests = known.tests(mutant, first, most)
    if not tests:
        return "untested"
    with place.changed(mutant.file, mutated(place.root, mutant)):
        status = place.pytest(["-x", "--hypothesis-seed=0", *tests], known.limit(tests))
    return {0: "SURVIVED", TIMED_OUT: "timed out"}.get(status, "killed")


def main() -> int:
    """Read the command line and try the sample."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("room")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tests", action="append", help="instead of the room's own tests")
    parser.add_argument("--only", action="append", help="name of a mutant")
    parser.add_argument("--known", type=Path, help="folder, made if it is not there")
    parser.add_argument("--seconds", type=float, default=300.0, help="of tests a mutant, at most")
    given = parser.parse_args()
    everything = [m for file in room_files(given.room) for m in mutants_of(ROOT, file)]
    known_ones = equivalents()
    open_ones = [mutant for mutant in everything if mutant.name not in known_ones]
    chosen = sample(open_ones, given.count, given.seed)
    if given.only:
        chosen = [mutant for mutant in everything if mutant.name in given.only]
    with workplace(ROOT) as place, tempfile.TemporaryDirectory() as temporary:
        folder = given.known or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        own = f"tests/{given.room}"
        known = learn(place, given.tests or room_tests(given.room), folder)
        counts = _try_all(place, known, chosen, own, given.seconds)
    print(f"{given.room}: {len(everything)} mutants, {len(chosen)} tried: {dict(counts)}")
    return 1 if counts["SURVIVED"] or counts["untested"] else 0


def _try_all(
    place: Workplace, known: Known, chosen: list[Mutant], own: str, most: float
) -> Counter[str]:
    counts: Counter[str] = Counter()
    check_found(place, {test for mutant in chosen for test in known.tests(mutant, own, most)})
    for mutant in chosen:
        start = time.monotonic()
        outcome = tried(place, known, mutant, own, most)
        counts[outcome] += 1
        print(
            f"{outcome:10} {time.monotonic() - start:5.1f} s  {mutant.name}  "
            f"{mutant.file}:{mutant.line}  {mutant.operator}  {mutant.key}",
            flush=True,
        )
    return counts


if __name__ == "__main__":
    sys.exit(main())
