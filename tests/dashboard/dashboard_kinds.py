"""Runs of every kind: empty, running, finished, all failed, of one objective and of six."""

from pathlib import Path

from report_cases import made

from optimerge.records.run import Run, RunInfo, create_run


def empty(folder: Path) -> Run:
    info = RunInfo(
        "objectives: [{task: maths}]\n", "/x/space.yaml", "d", {"maths": "maximize"}, 4, 0, False
    )
    return create_run(folder, info)


def all_failed(folder: Path) -> Run:
    return made(folder, trials=4, failed=4)


def single(folder: Path) -> Run:
    return made(folder, trials=6, objectives=1, failed=0)


def running(folder: Path) -> Run:
    run = made(folder, trials=5, failed=1)
    run.search.ask()
    return run


def finished(folder: Path) -> Run:
    return made(folder, trials=24, failed=2)


def six(folder: Path) -> Run:
    names = [f"task{n}" for n in range(6)]
    space = "objectives: [" + ", ".join(f"{{task: {n}}}" for n in names) + "]\n"
    info = RunInfo(space, "/x/space.yaml", "d", dict.fromkeys(names, "maximize"), 4, 0, False)
    run = create_run(folder, info)
    for number in range(12):
        trial = run.search.ask()
        trial.suggest_float("a.weight", 0, 1)
        run.search.tell(trial, [(number * (place + 3)) % 11 / 11 for place in range(6)])
    return run
