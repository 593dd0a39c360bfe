"""What a run of the tests without faults tells: which tests run which lines, and their seconds."""

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
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

    def tests(self, mutant: Mutant, first: str, most: float) -> list[str]:
        """Return the tests that run the mutant's line: of each file the cheapest, then the next.

        A line that only importing runs is tested by all tests that run anything of its file, and
        where importing runs the whole file, by all tests that there are.

        Args:
            mutant: The fault.
            first: Tests in this folder come before the others.
            most: Seconds after which no more tests are taken.
        """
        lines = self.data.contexts_by_lineno(mutant.file.as_posix())
        tests = _tests(lines.get(mutant.line, []))
        if not tests and mutant.line in lines:
            tests = _tests(context for each in lines.values() for context in each)
            tests = tests or _tests(self.data.measured_contexts())
        ordered = _spread(tests, first, self._seconds)
        spent = accumulate(map(self._seconds, ordered))
        return [test for test, until in zip(ordered, spent, strict=True) if until <= most]

    def limit(self, tests: list[str]) -> float:
        """Return the seconds after which these tests count as hanging."""
        return 20 + 3 * sum(map(self._seconds, tests))

    def _seconds(self, test: str) -> float:
        file, _, name = test.partition("::")
        place = file.removesuffix(".py").replace("/", ".")
        return self.seconds.get(f"{place}.{name.replace('::', '.')}", 1.0)


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
    return Known(found, _seconds(times))


def check_found(place: Workplace, tests: Iterable[str]) -> None:
    """Raise RuntimeError if pytest does not find one: it would look as if it noticed a fault."""
    if place.pytest(["--collect-only", *sorted(tests)], _HOUR):
        raise RuntimeError(f"tests are not found again:\n{place.log.read_text()[-3000:]}")


def _spread(tests: list[str], first: str, seconds: Callable[[str], float]) -> list[str]:
    """Return the tests in rounds: the cheapest of each file, the second of each, ..."""
    rounds: Counter[str] = Counter()
    ranks = {}
    for test in sorted(tests, key=lambda test: (seconds(test), test)):
        file = test.partition("::")[0]
        ranks[test] = rounds[file]
        rounds[file] += 1
    return sorted(
        tests, key=lambda test: (not test.startswith(first), ranks[test], seconds(test), test)
    )


def _tests(contexts: Iterable[str]) -> list[str]:
    return sorted({each.rpartition("|")[0] for each in contexts} - {""})


def _seconds(file: Path) -> dict[str, float]:
    cases = ElementTree.parse(file).iter("testcase")
    return {
        f"{case.get('classname')}.{case.get('name')}": float(case.get("time", 0)) for case in cases
    }
