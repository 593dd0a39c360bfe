"""What a run of the tests without faults tells: which tests run which lines, and their seconds."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

from benchmarks.mutation.mutants import Mutant
from benchmarks.mutation.workplace import Workplace

_CONFIGURATION = """\
[run]
branch = true
source = optimerge
relative_files = true
data_file = {data}
"""
_HOUR = 3600.0


@dataclass(frozen=True)
class Known:
    """The tests of each line, from the data of one run."""

    data: CoverageData
    seconds: dict[str, float]
    """By `folder.file.function[parameters]`, as pytest's report calls tests."""

    def tests(self, mutant: Mutant, first: str) -> list[str]:
        """Return the tests that run the mutant's line, the cheapest first.

        A line that only importing runs is tested by all tests that run anything of its file, and
        where importing runs the whole file, by all tests that there are.

        Args:
            mutant: The fault.
            first: Tests in this folder come before the others.
        """
        lines = self.data.contexts_by_lineno(mutant.file.as_posix())
        tests = _tests(lines.get(mutant.line, []))
        if not tests and mutant.line in lines:
            tests = _tests(context for each in lines.values() for context in each)
            tests = tests or _tests(self.data.measured_contexts())
        files: dict[str, float] = {}
        for test in tests:
            file = test.partition("::")[0]
            files[file] = files.get(file, 0.0) + self._seconds(test)

        def order(test: str) -> tuple[bool, float, str, float]:
            file = test.partition("::")[0]
            return not test.startswith(first), files[file], file, self._seconds(test)

        return sorted(tests, key=order)

    def limit(self, tests: list[str]) -> float:
        """Return the seconds after which these tests count as hanging."""
        return 20 + 3 * sum(map(self._seconds, tests))

    def _seconds(self, test: str) -> float:
        file, _, name = test.partition("::")
        return self.seconds.get(f"{file.removesuffix('.py').replace('/', '.')}.{name}", 1.0)


def learn(place: Workplace, tests: list[str], folder: Path) -> Known:
    """Run the tests once, with coverage; what `folder` already holds of an earlier run is reused.

    Raises:
        RuntimeError: A test fails without any fault.
    """
    data, times = (folder / ".coverage").resolve(), (folder / "times.xml").resolve()
    if not times.exists():
        configuration = folder / "coveragerc"
        configuration.write_text(_CONFIGURATION.format(data=data))
        options = [f"--cov-config={configuration.resolve()}", "--cov-context=test", "--cov-report="]
        status = place.pytest(["--cov", *options, f"--junitxml={times}", *tests], _HOUR)
        if status:
            raise RuntimeError(f"tests fail without a fault:\n{place.log.read_text()[-3000:]}")
    found = CoverageData(basename=str(data))
    found.read()
    # A test that pytest does not find by its name would look like one that notices the fault.
    if place.pytest(["--collect-only", *_tests(found.measured_contexts())], _HOUR):
        raise RuntimeError(f"tests are not found again:\n{place.log.read_text()[-3000:]}")
    return Known(found, _seconds(times))


def _tests(contexts: Iterable[str]) -> list[str]:
    return sorted({each.rpartition("|")[0] for each in contexts} - {""})


def _seconds(file: Path) -> dict[str, float]:
    cases = ElementTree.parse(file).iter("testcase")
    return {
        f"{case.get('classname')}.{case.get('name')}": float(case.get("time", 0)) for case in cases
    }
