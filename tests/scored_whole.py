"""Scores one candidate whole, for tests of single objectives."""

from collections.abc import Sequence

from optimerge.objectives.evaluation import make_evaluation
from optimerge.objectives.protocol import Candidate, Objective
from optimerge.records.types import Score


def score_all(objectives: Sequence[Objective], candidate: Candidate) -> dict[str, Score]:
    return dict(make_evaluation(objectives).score(candidate).scores)
