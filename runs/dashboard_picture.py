"""Makes docs/pictures/dashboard*.png: the dashboard on the demo's run.

    python runs/dashboard_picture.py                    # runs the demo and tests its front first
    python runs/dashboard_picture.py --run RUN          # a run that is there

Needs Chromium.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
OPTIMERGE = (sys.executable, "-m", "optimerge")
WIDTH = 1500


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, help="A run to show instead of a new demo.")
    parser.add_argument("--to", type=Path, default=PICTURES, help="Folder to write them to.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = given.run
        if run is None:
            run = Path(folder) / "demo"
            subprocess.run([*OPTIMERGE, "demo", "--run-dir", str(run)], check=True)
            subprocess.run([*OPTIMERGE, "test", str(run)], check=True)
        given.to.mkdir(parents=True, exist_ok=True)
        with served(run) as url:
            trial = best_mean(url)
            take(f"{url}#run=r0&trial={trial}", 1000, given.to / "dashboard.png")
            whole = f"{url}#run=r0&view=parameters"
            take(whole, 1450, given.to / "dashboard-parameters.png")


@contextmanager
def served(run: Path) -> Iterator[str]:
    """Serve a run; yield the address."""
    words = [*OPTIMERGE, "dashboard", str(run), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.terminate()


def best_mean(url: str) -> str:
    """Return the name of the trial that a person looks at first: the best mean of the tasks."""
    # The first two take seconds, and the page asks for them: then they are there at once.
    for address in ("verdict", "importance", "choose?how=mean"):
        with urllib.request.urlopen(f"{url}api/runs/r0/{address}", timeout=300) as answer:
            found = json.load(answer)
    return str(found["trial"])


def take(url: str, high: int, to: Path) -> None:
    """Write what a browser shows at an address."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on this machine")
    with tempfile.TemporaryDirectory() as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        flags += [f"--user-data-dir={profile}", f"--window-size={WIDTH},{high}"]
        flags += ["--force-device-scale-factor=1", "--virtual-time-budget=15000"]
        subprocess.run([browser, *flags, f"--screenshot={to}", url], check=True)
    with Image.open(to) as shot:  # a page has few colours: a third of the bytes
        small = shot.convert("RGB").quantize(255, method=Image.Quantize.MAXCOVERAGE)
    small.save(to, optimize=True)


if __name__ == "__main__":
    main()
