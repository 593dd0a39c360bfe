"""A copy of the repository in which faults are planted and tests are run, each run a fork.

The copy is what the tests import and what commands that they start import, so a fault is seen by
both. The packages that take seconds to import are imported once, before the forks.
"""

import compileall
import gc
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest

HEAVY = (
    "torch",
    "transformers",
    "optuna",
    "pandas",
    "scipy.stats",
    "pydantic",
    "hypothesis.strategies",
    "anyio.pytest_plugin",
    "pytest_cov.plugin",
    "xdist.plugin",
)
_EARLY = "ignore::pytest.PytestAssertRewriteWarning"  # a plug-in imported before the forks
OPTIONS = ("-q", "-n", "0", "--dist", "no", "-p", "no:cacheprovider", "-W", _EARLY)
TIMED_OUT = -1
_LEFT_OUT = (".*", "__pycache__", "runs", "build", "dist", "*.egg-info", "shared")


class Workplace:
    """A folder with a copy of the repository."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.root = folder / "copy"
        self.log = folder / "log"
        shutil.copytree(repository, self.root, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        # A mutant may be as long as the original and as old to the second: hashes tell them apart,
        # and Python writes what it compiles anew with a hash where there was one.
        compileall.compile_dir(
            self.root / "optimerge", quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH
        )

    @contextmanager
    def changed(self, file: Path, source: str) -> Iterator[None]:
        """Have `source` in the file's place."""
        place = self.root / file
        before = place.read_bytes()
        place.write_text(source, "utf-8")
        try:
            yield
        finally:
            place.write_bytes(before)

    def pytest(self, arguments: Sequence[str], limit: float) -> int:
        """Run pytest in the copy; return its exit status, or TIMED_OUT after `limit` seconds."""
        child = os.fork()
        if not child:
            self._child([*OPTIONS, *arguments])
        try:
            return _status(child, limit)
        finally:
            _end_group(child)

    def _child(self, arguments: list[str]) -> None:
        status = 70
        try:
            os.setsid()
            with self.log.open("wb") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            os.chdir(self.root)
            sys.path.insert(0, str(self.root))
            os.environ["PYTHONPATH"] = str(self.root)
            status = int(pytest.main(arguments))
        except BaseException:  # it must not go on as a second parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


@contextmanager
def workplace(repository: Path) -> Iterator[Workplace]:
    """Give a workplace, in a temporary folder."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TRITON_INTERPRET", "1")  # as tests/conftest.py; read on import
    for name in HEAVY:
        importlib.import_module(name)
    gc.freeze()  # pytest collects garbage at its end: it need not look at what is imported
    with tempfile.TemporaryDirectory() as folder:
        yield Workplace(repository, Path(folder))


def _status(child: int, limit: float) -> int:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status) & 0xFF
        time.sleep(0.02)
    _end_group(child)
    os.waitpid(child, 0)
    return TIMED_OUT


def _end_group(leader: int) -> None:
    """End what the child has left: it is the leader of a group of its own."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
