"""How quick the dashboard's server is, on a study as large as they get.

    python benchmarks/dashboard.py                       # 2 000 trials, 6 objectives
    python benchmarks/dashboard.py --trials 500 --objectives 3 --keep FOLDER

Makes a synthetic run (scores of a noisy trade-off, 24 parameters, recipes of their size), opens it,
and asks over ASGI what a page asks. Prints milliseconds of wall and of processor time, and the
bytes of the answer.
`cold`: the first time; `again`: with nothing changed; `changed`: after one more trial.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a file: what it imports lies a folder up
    sys.path.insert(0, str(Path(__file__).parents[1]))

from optimerge.records.attributes import trial_attributes
from optimerge.records.run import Run, RunInfo, create_run
from optimerge.records.types import Direction, MergeStats, Score

LAYERS = 32
RECIPE = """merge_method: ties
base_model: org/base
models:
- model: org/red
  parameters: {{weight: [{weights}], density: {density}}}
- model: org/blue
  parameters: {{weight: 0.5, density: 0.5}}
"""
PARENTS = ("base", "expert:red", "expert:blue")


def main() -> None:
    """Make the study, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--objectives", type=int, default=6)
    parser.add_argument("--keep", type=Path, help="Folder to make the run in, and to leave it.")
    given = parser.parse_args()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        where = given.keep or Path(folder) / "synthetic"
        run = make(where, given.trials, given.objectives)
        print(
            f"{given.trials} trials, {given.objectives} objectives; load {os.getloadavg()[0]:.1f}"
        )
        asyncio.run(_measure(where, run))


def make(folder: Path, trials: int, objectives: int, seed: int = 0) -> Run:
    """Return a run of so many trials; the same seed gives the same."""
    names = [f"task{n}" for n in range(objectives)]
    directions: dict[str, Direction] = dict.fromkeys(names, "maximize")
    space = "objectives: [" + ", ".join(f"{{task: {n}}}" for n in names) + "]\n"
    run = create_run(folder, RunInfo(space, "/space.yaml", "d", directions, LAYERS, 0, False))
    draw = random.Random(seed)
    for origin in PARENTS:
        add(run, run.parents, origin, draw)
    run.search.set_user_attr("reference", [0.0] * objectives)
    run.search.set_user_attr("scales", [0.5] * objectives)
    for _ in range(trials):
        add(run, run.search, "sampler", draw)
    return run


def add(run: Run, study: Any, origin: str, draw: random.Random) -> None:
    """Add one trial: of twenty one fails, and two are stopped early."""
    from optuna.distributions import FloatDistribution
    from optuna.trial import TrialState, create_trial

    params = {f"red.weight.{n}": draw.random() for n in range(24)}
    weights = [params[f"red.weight.{n}"] for n in range(24)]
    fate = "COMPLETE" if origin != "sampler" else draw.choices(
        ["COMPLETE", "FAIL", "PRUNED"], [17, 1, 2])[0]  # fmt: skip
    values = _values(run.info.objectives, weights, draw)
    scores = {n: Score(v, 0.02, 500, "maximize", 1.0) for n, v in values.items()}
    text = RECIPE.format(
        weights=", ".join(f"{w:.6f}" for w in weights), density=round(weights[0], 4)
    )
    stats = MergeStats(1.0, 7 * 10**9, 3 * 10**9, 1e6, 1e3)
    seconds = {"wait": 0.1, "merge": 4.0, "score": 60.0, "answer": 50.0, "propose": 2.0}
    kept = trial_attributes(origin, text, scores, stats, seconds, 100_000)
    if fate == "FAIL":
        kept = {"origin": origin, "recipe": text, "error": draw.choice(["out of memory", "NaN"])}
    study.add_trial(
        create_trial(
            state=TrialState[fate],
            values=list(values.values()) if fate == "COMPLETE" else None,
            params=params,
            distributions={name: FloatDistribution(0.0, 1.0) for name in params},
            user_attrs=kept,
        )
    )


def _values(
    objectives: Mapping[str, Direction], weights: list[float], draw: random.Random
) -> dict[str, float]:
    """Return scores that are each other's price."""
    total = sum(weights[: len(objectives)]) or 1.0
    return {
        name: min(1.0, max(0.0, 0.2 + weights[n] / total + draw.gauss(0.0, 0.05)))
        for n, name in enumerate(objectives)
    }


async def _measure(folder: Path, run: Run) -> None:
    import httpx2

    from optimerge.dashboard.app import make_app
    from optimerge.dashboard.security import Guard
    from optimerge.dashboard.source import Sources

    began = _now()
    sources = Sources([folder])
    _say("open the run", began, 0)
    transport = httpx2.ASGITransport(app=make_app(sources, Guard("127.0.0.1")))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

        async def ask(name: str, *paths: str) -> None:
            began, size = _now(), 0
            for path in paths:
                answer = await client.get(path, timeout=600)
                assert answer.status_code == 200, answer.text
                size += len(answer.content)
            _say(name, began, size)

        one = "/api/runs/r0"
        await ask("first view, cold", one, f"{one}/trials")
        await ask("first view, again", one, f"{one}/trials")
        await ask("poll, nothing changed", one)
        add(run, run.search, "sampler", random.Random(1))
        await ask("first view, changed", one, f"{one}/trials")
        await ask("click a point", f"{one}/trials/17")
        await ask("difference of two trials", f"{one}/trials/17/diff/30")
        await ask("choose by weights", f"{one}/choose?how=weights:task0=2,task1=1")
        await ask("choose within a limit", f"{one}/choose?how=knee&at_least=task0:0.3")
        await ask("history, cold", f"{one}/history")
        await ask("history, again", f"{one}/history")
        await ask("importance, cold", f"{one}/importance")
        await ask("importance, again", f"{one}/importance")


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _say(name: str, began: tuple[float, float], size: int) -> None:
    wall, processor = (1000 * (now - then) for now, then in zip(_now(), began, strict=True))
    print(f"{name:26} {wall:9.1f} ms wall {processor:9.1f} ms cpu {size:10,d} bytes", flush=True)


if __name__ == "__main__":
    main()
