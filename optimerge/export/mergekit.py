"""Runs the real mergekit, where it is installed: another program, another environment."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from optimerge.errors import OptimergeError
from optimerge.export.as_mergekit import mergekit_builds
from optimerge.recipe.schema import Recipe

NAME = "mergekit-yaml"


def find_mergekit(given: str | None = None) -> Path:
    """Return the `mergekit-yaml` that was given or is on PATH; OptimergeError if there is none."""
    if given is None:
        found = shutil.which(NAME)
        if found is None:
            raise OptimergeError(
                f"--verify needs mergekit, and no {NAME} is on PATH; install mergekit 0.1.5 (in an "
                f"environment of its own) and give --mergekit PATH/TO/{NAME}"
            )
        return Path(found)
    place = Path(given).expanduser()
    place = place / NAME if place.is_dir() else place
    if not os.access(place, os.X_OK) or not place.is_file():
        raise OptimergeError(
            f"--mergekit {given}: is no program; give the path of {NAME}, or of its folder"
        )
    return place.absolute()


def mergekit_for(recipe: Recipe, given: str | None = None) -> Path | None:
    """Return what `find_mergekit` does; None if mergekit cannot build the recipe anyway."""
    return find_mergekit(given) if mergekit_builds(recipe) else None


def run_mergekit(
    program: Path, recipe: Path, out: Path, seed: int, *, trust_code: bool = False
) -> None:
    """Build a recipe with mergekit into `out`; OptimergeError with its last words if it fails.

    An interrupt ends mergekit too. It runs without this process's Python settings, as it has
    packages of its own.
    """
    command = [str(program), str(recipe), str(out), "--random-seed", str(seed)]
    if trust_code:
        command.append("--trust-remote-code")
    own = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=own
            )
        except OSError as error:
            raise OptimergeError(
                f"{program}: cannot be run ({error.strerror}); give another --mergekit"
            ) from None
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code != 0:
            said.seek(max(0, said.seek(0, os.SEEK_END) - 20_000))
            raise OptimergeError(f"{program}: cannot build the recipe: {_last_words(said.read())}")


def _last_words(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines()]
    found = next((line for line in reversed(lines) if line), "it says nothing")
    return found if len(found) < 500 else f"{found[:500]} ..."
