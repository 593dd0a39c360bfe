"""Standard errors without lm-eval's bootstrap agree with it."""

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from lm_eval.api import metrics as theirs

from optimerge.objectives import added_metrics as ours
from optimerge.objectives.standard_errors import error_of

RESAMPLES = {"f1": 150, "mcc": 150, "auc_roc of four": 200, "auc_roc of two": 200}
"""Of the slow ones; 600 of the others."""
DRAW = np.random.default_rng(5)
LIKELIHOODS = list(DRAW.normal(-1.5, 0.6, 150))
PAIRS = [(ll * n, n) for ll, n in zip(LIKELIHOODS, DRAW.integers(3, 40, 150), strict=True)]
GOLDS = DRAW.integers(0, 2, 150)
SAID = [(int(g), int(g if DRAW.random() < 0.7 else 1 - g)) for g in GOLDS]
FOUR = [
    ours.choice_items(gold, row)
    for gold, row in zip(DRAW.integers(0, 4, 150), DRAW.normal(0, 1, (150, 4)), strict=True)
]
TWO = [ours.choice_items(g, [0.0, float(g) + DRAW.normal(0, 1.5)]) for g in GOLDS]
CASES: dict[str, tuple[Callable[..., Any], Sequence[Any]]] = {
    "mean": (theirs.mean, LIKELIHOODS),
    "nanmean": (theirs.nanmean, [*LIKELIHOODS, math.nan]),
    "median": (theirs.median, LIKELIHOODS),
    "perplexity": (theirs.perplexity, LIKELIHOODS),
    "weighted_perplexity": (theirs.weighted_perplexity, PAIRS),
    "bits_per_byte": (theirs.bits_per_byte, PAIRS),
    "f1": (theirs.f1_score, SAID),
    "mcc": (theirs.matthews_corrcoef, SAID),
    "brier_score": (theirs.brier_score, [item["auc_roc"] for item in FOUR]),
    "macro_f1": (ours.macro_f1, [item["macro_f1"] for item in FOUR]),
    "precision": (ours.precision, [item["precision"] for item in FOUR]),
    "recall": (ours.recall, [item["recall"] for item in FOUR]),
    "auc_roc of two": (ours.auc_roc, [item["auc_roc"] for item in TWO]),
    "auc_roc of four": (ours.auc_roc, [item["auc_roc"] for item in FOUR]),
    "log_loss": (ours.log_loss, [item["log_loss"] for item in FOUR]),
}


@pytest.mark.parametrize("name", CASES)
def test_equal_to_a_bootstrap_within_its_own_error(name: str) -> None:
    form, values = CASES[name]
    rng, count = Random(1), RESAMPLES.get(name, 600)
    drawn = [float(form(rng.choices(values, k=len(values)))) for _ in range(count)]
    found = error_of(form, values)
    assert found == pytest.approx(np.std(drawn, ddof=1), rel=3.5 / math.sqrt(2 * count))
    assert found == error_of(form, values)


def test_unknown_for_one_document_and_for_a_function_of_the_tasks_own() -> None:
    assert error_of(theirs.mean, [1.0]) is None
    assert error_of(max, LIKELIHOODS) is None


def test_delongs_variance() -> None:
    """The two-sample form of DeLong et al. (1988), written out pair by pair."""
    items = [item["auc_roc"] for item in TWO]
    right = [p[1] for gold, p in items if gold == 1]
    wrong = [p[1] for gold, p in items if gold == 0]
    wins = np.array([[(a > b) + 0.5 * (a == b) for b in wrong] for a in right])
    variance = wins.mean(1).var(ddof=1) / len(right) + wins.mean(0).var(ddof=1) / len(wrong)
    assert error_of(ours.auc_roc, items) == pytest.approx(math.sqrt(variance))


@pytest.mark.parametrize("gold", [0, 1])
def test_one_class_alone_has_no_error(gold: int) -> None:
    for form in (theirs.f1_score, theirs.matthews_corrcoef, ours.macro_f1):
        assert error_of(form, [(gold, gold)] * 10) == 0.0
