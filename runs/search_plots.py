"""Makes docs/benchmarks/search-*.svg: gain on test items by merges, a picture a group of surfaces.

    python runs/search_plots.py --keep FOLDER           # runs the benchmark first: hours
    python runs/search_plots.py --keep FOLDER --only    # draws what FOLDER holds

By the CPU seconds of proposals in docs/benchmarks/search-results.md the runs take about three hours
of one core, those of Optuna's GPSampler another eight, and real merges one. FOLDER keeps every run,
so it may be stopped and started again; `benchmarks/search.py run --surfaces ...` started beside it
with the same FOLDER shares the work.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":  # run as a file: what it imports lies a folder up
    sys.path.insert(0, str(Path(__file__).parents[1]))

ROOT = Path(__file__).parents[1]
BENCHMARK = (sys.executable, str(ROOT / "benchmarks" / "search.py"))
SLOW = ("optuna_gp", "gp_tpe_in_turn")
REAL = ("auto", "optuna_tpe_multivariate@shared", "mmmo_as_released", "random@native")


def runs() -> Iterator[list[str]]:
    """Yield what is run for the published pictures: the slow samplers on one surface a zoo only."""
    from benchmarks.search import ALL_SAMPLERS

    quick = [name for name in ALL_SAMPLERS if name not in SLOW]
    yield ["run", "--samplers", *quick]
    yield ["run", "--surfaces", "A24", "B8", "--samplers", "optuna_gp@shared"]
    few = ["optuna_gp@native", "gp_tpe_in_turn@native"]
    yield ["run", "--surfaces", "A24", "B8", "--samplers", *few, "--trials", "30"]
    yield ["real", "--surfaces", "A6", "--samplers", *REAL]


def main() -> None:
    """Run what is missing, then draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", type=Path, required=True, help="Folder of the benchmark's runs.")
    parser.add_argument("--only", action="store_true", help="Draw; run nothing.")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    keep = ["--keep", str(given.keep)]
    for words in [] if given.only else runs():
        subprocess.run([*BENCHMARK, *words, *keep], check=True)
    subprocess.run([*BENCHMARK, "plot", *keep, "--folder", str(given.to)], check=True)


if __name__ == "__main__":
    main()
