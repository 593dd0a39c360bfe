"""/api/runs/ID/verdict: what tests of the run prove."""

import json
from typing import Any

from pydantic import RootModel

from optimerge.dashboard.resource import Asked, Resource
from optimerge.dashboard.results import results_of
from optimerge.retest.as_json import to_json
from optimerge.retest.verdict import make_verdict


class Verdict(RootModel[dict[str, Any]]):
    """What `optimerge test --format json` prints; {} while nothing was tested."""


def make(asked: Asked) -> Verdict:
    """Return the verdict, made once a version: the bootstrap takes seconds."""
    source = asked.source()
    snapshot = source.now()

    def read() -> Verdict:
        results = results_of(source, snapshot)
        return Verdict({} if results is None else json.loads(to_json(make_verdict(results))))

    return source.kept("verdict", snapshot.version, read)


RESOURCE = Resource(
    "/api/runs/{run}/verdict",
    Verdict,
    make,
    "Gaps, probabilities and corrected comparisons on the test items.",
)
