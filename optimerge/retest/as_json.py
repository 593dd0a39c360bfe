"""A verdict as JSON, for programs."""

import json
from collections.abc import Mapping
from typing import Any

from optimerge.front.json_values import json_value
from optimerge.records.types import Score
from optimerge.retest.beats import Comparison, Estimate
from optimerge.retest.sentences import headline
from optimerge.retest.verdict import Line, Verdict


def to_json(verdict: Verdict) -> str:
    """Return the verdict as a JSON object. Plain JSON: what is unknown or not finite is null.

        headline      the first line of the report
        objectives    by name "maximize" or "minimize"; reported: likewise, on test items only
        tasks         the objectives that means are over
        models        a list: name, kind (merge, parent, baseline, ensemble), about, error;
                      search, test: by objective value, stderr, items; gap: search - test, an
                      estimate; was_on_front, on_front (on search, on test items), dominated_by;
                      p_front: search, test; masks: by objective seeds, low, high, deviation
        comparisons   test and search, a list each: model, against ("parents", "baselines"), task
                      (null: the mean), rival (the hardest to beat), ours, theirs, difference (an
                      estimate; positive: the model is better), probability (that it beats all of
                      them), p, p_corrected (for `family` comparisons), significant
        front         stays, falls, joins: names
        hypervolume   search, test, without (parents and baselines): estimates, in units of the
                      parents' range
        flattery      gap, parents, excess: estimates; flattered
        looks         how often the test items were looked at
        skipped       baselines that were not tested, with reasons
        draws, flips  of the bootstrap, and of the tests

    An estimate has value, stderr, and low and high: the ends of its 95 % interval.
    """
    found = verdict.flattery
    data = {
        "headline": headline(verdict),
        "objectives": dict(verdict.objectives),
        "reported": dict(verdict.reported),
        "tasks": list(verdict.tasks),
        "models": [_model(line) for line in verdict.lines],
        "comparisons": {
            "test": [_comparison(each) for each in verdict.test],
            "search": [_comparison(each) for each in verdict.search],
        },
        "front": {"stays": verdict.stays, "falls": verdict.falls, "joins": verdict.joins},
        "hypervolume": _estimates(verdict.volumes),
        "flattery": None
        if found is None
        else {
            "gap": _estimate(found.gap),
            "parents": _estimate(found.parents),
            "excess": _estimate(found.excess),
            "flattered": found.flattered,
        },
        "looks": verdict.looks,
        "skipped": dict(verdict.skipped),
        "draws": verdict.draws,
        "flips": verdict.flips,
    }
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)


def _model(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "kind": line.kind,
        "about": line.about,
        "error": line.error,
        "search": _scores(line.search),
        "test": _scores(line.test),
        "gap": _estimates(line.gap),
        "was_on_front": line.was_on_front,
        "on_front": line.on_front,
        "dominated_by": line.dominated_by,
        "p_front": {"search": json_value(line.front_search), "test": json_value(line.front_test)},
        "masks": {
            name: {
                "seeds": each.seeds,
                "low": json_value(each.low),
                "high": json_value(each.high),
                "deviation": json_value(each.deviation),
            }
            for name, each in line.masks.items()
        },
    }


def _comparison(each: Comparison) -> dict[str, Any]:
    return {
        "model": each.model,
        "against": each.against,
        "task": each.task,
        "rival": each.rival,
        "ours": json_value(each.ours),
        "theirs": json_value(each.theirs),
        "difference": _estimate(each.difference),
        "probability": json_value(each.probability),
        "p": json_value(each.p),
        "p_corrected": json_value(each.p_corrected),
        "family": each.family,
        "significant": each.significant,
    }


def _scores(scores: Mapping[str, Score]) -> dict[str, Any]:
    return {
        name: {"value": json_value(s.value), "stderr": json_value(s.stderr), "items": s.items}
        for name, s in scores.items()
    }


def _estimates(found: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: _estimate(each) for name, each in found.items()}


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    keys = ("value", "stderr", "low", "high")
    return {key: json_value(getattr(found, key)) for key in keys}
