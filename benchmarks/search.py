"""How good the searches are: every sampler on every surface, many seeds, by the protocol.

    python benchmarks/search.py run --surfaces merge6 A6 --samplers auto optuna_tpe random \
        --seeds 0-9 --trials 100 --jobs 1 --keep FOLDER
    python benchmarks/search.py table --keep FOLDER   # writes docs/benchmarks/search-results.md
    python benchmarks/search.py plot --keep FOLDER    # curves as SVG (needs the extra `bench`)
    python benchmarks/search.py overhead              # CPU seconds and memory of proposals
    python benchmarks/search.py real --surfaces A6 --samplers auto random --seeds 0-2 --keep FOLDER
    python benchmarks/search.py pack --samplers optuna_gp --keep FOLDER --to FOLDER/gp.jsonl.xz

Protocol: docs/benchmarks/search.md. `run` skips what the folder has; kill it when you like. Without
--surfaces and --samplers it takes all of the protocol's. Set OMP_NUM_THREADS=1. benchmarks/kept has
published runs of what takes hours, packed: with `--keep benchmarks/kept` they are not run again.
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # run as a file: what it imports lies a folder up
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.peers.registry import PEERS
from benchmarks.quality.contest import contestants
from benchmarks.quality.lookup import GROUPS
from optimerge.errors import OptimergeError

ROOT = Path(__file__).parents[1]
BUDGETS = (10, 20, 30, 60, 100)
ALL_SURFACES = [name for names in GROUPS.values() for name in names]
ALL_SAMPLERS = ["auto", "mmmo", "mmmo_as_released", *PEERS]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 2 and one sentence for what cannot be done."""
    given = _parser().parse_args(arguments)
    try:
        given.do(given)
    except OptimergeError as error:
        print(f"benchmarks/search.py: {error}", file=sys.stderr)
        return 2
    return 0


def _run(given: argparse.Namespace) -> None:
    from benchmarks.quality.runner import run_all

    run_all(
        given.keep,
        given.surfaces,
        contestants(given.samplers),
        given.seeds,
        given.trials,
        jobs=given.jobs,
        real=given.real,
        again=given.again,
    )


def _table(given: argparse.Namespace) -> None:
    from benchmarks.quality.report import report
    from benchmarks.quality.results import results

    text = report(results(given.keep), given.champion, given.target, BUDGETS)
    print(text)
    if given.write:
        given.write.parent.mkdir(parents=True, exist_ok=True)
        given.write.write_text(text)


def _plot(given: argparse.Namespace) -> None:
    from benchmarks.quality.plot import plot
    from benchmarks.quality.results import results

    for path in plot(results(given.keep), given.folder, given.champion):
        print(path)


def _pack(given: argparse.Namespace) -> None:
    from benchmarks.quality.records import kept_runs, pack

    labels = {each.label for each in contestants(given.samplers)}
    runs = [run for run in kept_runs(given.keep).values() if run.label in labels]
    pack(runs, given.to)
    print(f"{given.to}: {len(runs)} runs")


def _overhead(given: argparse.Namespace) -> None:
    from benchmarks.quality.overhead import overhead

    overhead(given.samplers, given.trials, given.dimensions, given.objectives)


def _seeds(text: str) -> list[int]:
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(s) for s in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The search benchmark.")
    commands = parser.add_subparsers(required=True)
    for name, real in (("run", False), ("real", True)):
        run = commands.add_parser(name, help="search real merges" if real else "search surfaces")
        run.add_argument("--surfaces", nargs="+", default=["A6"] if real else ALL_SURFACES)
        run.add_argument("--samplers", nargs="+", default=ALL_SAMPLERS)
        run.add_argument("--seeds", type=_seeds, default=list(range(3 if real else 10)))
        run.add_argument("--trials", type=int, default=60 if real else 100)
        run.add_argument("--jobs", type=int, default=1, help="processes")
        run.add_argument("--again", action="store_true", help="run failed ones again")
        run.add_argument("--keep", type=Path, required=True, help="folder that runs are kept in")
        run.set_defaults(do=_run, real=real)
    table = commands.add_parser("table", help="tables of the runs kept")
    table.add_argument("--keep", type=Path, required=True)
    table.add_argument("--champion", default="auto@shared", help="whom all are compared with")
    table.add_argument("--target", default="mmmo_as_released@native", help="whose 30 to reach")
    table.add_argument("--write", type=Path, default=ROOT / "docs/benchmarks/search-results.md")
    table.add_argument("--no-write", dest="write", action="store_const", const=None)
    table.set_defaults(do=_table)
    plot = commands.add_parser("plot", help="curves of the runs kept")
    plot.add_argument("--keep", type=Path, required=True)
    plot.add_argument("--champion", default="auto@shared")
    plot.add_argument("--folder", type=Path, default=ROOT / "docs/benchmarks")
    plot.set_defaults(do=_plot)
    packs = commands.add_parser("pack", help="put runs kept into one compressed file")
    packs.add_argument("--keep", type=Path, required=True)
    packs.add_argument("--samplers", nargs="+", default=["optuna_gp", "gp_tpe_in_turn"])
    packs.add_argument("--to", type=Path, required=True, help="a file NAME.jsonl.xz")
    packs.set_defaults(do=_pack)
    overhead = commands.add_parser("overhead", help="CPU seconds and memory of proposals")
    overhead.add_argument("--samplers", nargs="+", default=["auto", "mmmo", "optuna_gp"])
    overhead.add_argument("--trials", type=int, nargs="+", default=[20, 100, 300, 500])
    overhead.add_argument("--dimensions", type=int, nargs="+", default=[6, 24, 100])
    overhead.add_argument("--objectives", type=int, nargs="+", default=[2, 3, 4])
    overhead.set_defaults(do=_overhead)
    return parser


if __name__ == "__main__":
    sys.exit(main())
