"""A machine without a browser runs the rest, and is told in one line what was not run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("tier", [[], ["-m", "slow"]], ids=["fast", "slow"])
def test_what_needs_a_browser_is_named_in_one_line(tier: list[str], tmp_path: Path) -> None:
    modules = sorted(each.name for each in HERE.glob("test_dashboard_real*.py"))
    assert modules
    asked = [*(HERE / each for each in modules), HERE / "test_dashboard_page.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *tier, *asked],
        capture_output=True,
        text=True,
        cwd=HERE.parents[1],
        env=os.environ | {"PATH": str(tmp_path)},
    )
    assert done.returncode == 5, done.stdout + done.stderr  # nothing was left to run
    lines = [line for line in done.stdout.splitlines() if line.startswith("not run: ")]
    assert len(lines) == 1
    assert lines[0].endswith("the dashboard's page was not tried in a browser")
    assert all(f"/{each}" in lines[0] for each in (*modules, "test_dashboard_page.py"))
