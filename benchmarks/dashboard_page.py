"""How quick the dashboard's page is in a browser, on a study as large as they get.

    python benchmarks/dashboard_page.py                      # 2 000 trials, 6 objectives
    python benchmarks/dashboard_page.py --run FOLDER         # a run that is there

Serves a synthetic run (as `benchmarks/dashboard.py` makes it) by `optimerge dashboard`, opens it in
headless Chromium and does what a person does. Prints milliseconds from the event to the first frame
in which what was asked for is drawn, median and worst of several, the server's answer included; the
first view is counted from the request for the page, with an empty cache.
Needs Chromium, its driver and selenium.
"""

import argparse
import importlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":  # run as a file: what it imports lies elsewhere
    sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "dashboard")]

TIMED = """
const [act, done, ready] = arguments;
const place = document.getElementById('front-plot');
if (place?.on && !place.counted) {
  place.counted = true;
  place.on('drawn', () => { window.plots = (window.plots ?? 0) + 1; });
}
window.plots = 0;
const began = performance.now(), check = new Function(`return (${done})`);
const look = () => {
  if (check()) requestAnimationFrame(() => setTimeout(() => ready(performance.now() - began)));
  else if (performance.now() - began > 30000) ready(-1);
  else requestAnimationFrame(look);
};
new Function(act)();
look();
"""
"""Does something, and waits for the frame in which it is done to be painted."""

FIRST = """
const ready = arguments[0];
const look = () => {
  const picture = document.querySelector('#front-plot .xtitle, #front-plot .ytitle');
  if (picture && document.querySelector('#view table'))
    requestAnimationFrame(() => setTimeout(() => ready(performance.now())));
  else requestAnimationFrame(look);
};
look();
"""
DRAWN = "window.plots > 0"


@dataclass(frozen=True)
class Step:
    """One kind of thing that a person does, several times."""

    name: str
    at: str
    """Where it starts: the part of the address behind the #."""
    done: list[tuple[str, str]]
    """What is done, and what is true once it is drawn."""


def steps(objectives: list[str]) -> Iterator[Step]:
    """Yield all of them, for a run with those objectives."""
    first, rest = objectives[0], objectives[1:]
    yield Step("another objective", "", [(_pick("Across", n), DRAWN) for n in rest])
    yield Step("another colour", "", [(_pick("Colour", n), DRAWN) for n in objectives[2:]])
    yield Step(
        "error bars of all", "", [(_pick("Error bars", n), DRAWN) for n in ("all", "none", "front")]
    )
    yield Step("a point: marked", "", [(_click(n), _MARKED) for n in (7, 31, 55)])
    yield Step(
        "a point: its recipe",
        "",
        [
            (f"window.last = document.getElementById('recipe'); {_click(n)}", _OTHER)
            for n in (9, 33, 57)
        ],
    )
    yield Step("all pairs", "", [(_press("All pairs"), "document.querySelector('.minis button')")])
    yield Step("parameters", "", [(_view("parameters"), "document.querySelector('[data-axis]')")])
    yield Step(
        "brush an axis",
        "view=parameters",
        [
            (f"{_HASH} h.set('brush', '{{\"o:{first}\":[{low},1]}}'); location.hash = h", DRAWN)
            for low in (0.2, 0.3, 0.35)
        ],
    )
    yield Step("choose", "", [(_view("choose"), "document.querySelector('#choice strong')")])
    yield Step(
        "move a slider",
        "view=choose",
        [(_slide(f"slide:weight:{n}", 1), _CHOSEN) for n in objectives[:4]],
    )
    yield Step(
        "progress",
        "",
        [
            (
                _view("progress"),
                "document.querySelector('#curve .js-line')",
            )
        ],
    )


_MARKED = (
    "document.querySelector('[data-ring=selected]')?.dataset.name === "
    "new URLSearchParams(location.hash.slice(1)).get('trial')"
)
_CHOSEN = "document.getElementById('choice').textContent !== window.last"
_OTHER = "document.getElementById('recipe') && document.getElementById('recipe') !== window.last"
_HASH = "const h = new URLSearchParams(location.hash.slice(1));"


def _pick(label: str, value: str) -> str:
    return (
        "const e = [...document.querySelectorAll('.controls label')].find(l => "
        f"l.textContent.startsWith('{label}')).querySelector('select'); e.value = '{value}';"
        "e.dispatchEvent(new Event('change', {bubbles: true}))"
    )


def _slide(key: str, value: float) -> str:
    return (
        "window.last = document.getElementById('choice').textContent;"
        f"const e = document.querySelector('[data-key=\"{key}\"]'); e.value = {value};"
        "e.dispatchEvent(new Event('input', {bubbles: true}))"
    )


def _press(text: str) -> str:
    return (
        "[...document.querySelectorAll('.controls button, .controls label')].find(b => "
        f"b.textContent === '{text}').click()"
    )


def _view(name: str) -> str:
    return f"{_HASH} h.set('view', '{name}'); location.hash = h"


def _click(number: int) -> str:
    """Click a member of the front, as plotly tells it to the page."""
    return (
        "const p = document.getElementById('front-plot'), t = p.data.find("
        f"t => (t.customdata ?? []).length > {number}); p.emit('take', {{points: "
        f"[{{customdata: t.customdata[{number}]}}]}})"
    )


def main() -> None:
    """Make the study, serve it, look at it, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--objectives", type=int, default=6)
    parser.add_argument("--run", type=Path, help="A run to look at instead of a synthetic one.")
    given = parser.parse_args()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        where = given.run or Path(folder) / "synthetic"
        if given.run is None:
            importlib.import_module("dashboard").make(where, given.trials, given.objectives)
        with served(where) as url:
            measure(url, Path(folder))


@contextmanager
def served(run: Path) -> Iterator[str]:
    """Serve a run as a user does; yield the address."""
    words = [sys.executable, "-m", "optimerge", "dashboard", str(run), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.terminate()


def measure(url: str, folder: Path) -> None:
    """Open the page, do all of it, print the times."""
    import json
    import urllib.request

    page = importlib.import_module("dashboard_browser").page
    with urllib.request.urlopen(f"{url}api/runs/r0") as answer:
        summary = json.load(answer)
    objectives = [each["name"] for each in summary["objectives"]]
    print(
        f"{sum(summary['states'].values())} trials, {len(objectives)} objectives; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    with page(url, folder) as opened:
        driver: Any = opened.driver
        driver.set_script_timeout(60)
        opened.size(1280, 900)
        driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        first = []
        for _ in range(3):
            driver.get("about:blank")
            driver.get(url)
            first.append(float(driver.execute_async_script(FIRST)))
        tell("first view", first)
        driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": False})
        for step in steps(objectives):
            opened.open(step.at)
            opened.until("return !!document.querySelector('#front-plot .ytitle')")
            driver.execute_async_script(
                "const ready = arguments[0]; requestIdleCallback(() => setTimeout(ready, 700))"
            )
            tell(
                step.name, [float(driver.execute_async_script(TIMED, *each)) for each in step.done]
            )


def tell(name: str, times: list[float]) -> None:
    """Print one line."""
    assert min(times) >= 0, f"{name}: was not drawn within 30 s"
    print(f"{name:24} {statistics.median(times):7.0f} {max(times):7.0f}", flush=True)


if __name__ == "__main__":
    main()
