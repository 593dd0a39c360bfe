"""Standard errors of metrics over documents, without a bootstrap that takes minutes.

lm-eval draws 100,000 resamples of the documents in a pool of processes for f1, mcc, perplexity
and median. Here: closed forms and the delta method where there are any, and for functions of
confusion counts the same bootstrap drawn as multinomial counts, all resamples at once.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

RESAMPLES = 1000
"""Of the bootstrap: an error of the standard error of 2 %."""
_SEED = 1234
_MOST_CELLS = 2_000_000


def error_of(aggregation: Callable[..., Any], values: Sequence[Any]) -> float | None:
    """Return the standard error of an aggregation over its documents' values.

    None for fewer than two documents, and for aggregations that nothing is known of (a task's own
    Python; bleu, chrf and ter).
    """
    from lm_eval.api import metrics as theirs

    from optimerge.objectives import added_metrics as ours

    forms: dict[Any, Callable[[Sequence[Any]], float]] = {
        theirs.mean: theirs.mean_stderr,
        theirs.nanmean: _of_nanmean,
        theirs.median: _of_median,
        theirs.perplexity: _of_perplexity,
        theirs.weighted_perplexity: lambda v: _ratio_error(v) * theirs.weighted_perplexity(v),
        theirs.bits_per_byte: lambda v: _ratio_error(v) / math.log(2),
        theirs.brier_score: _of_brier_score,
        theirs.acc_all: theirs.acc_all_stderr,
        theirs.f1_score: lambda v: _of_counts(v, _binary_f1),
        theirs.matthews_corrcoef: lambda v: _of_counts(v, _mcc),
        ours.macro_f1: lambda v: _of_counts(v, ours.f1_of_counts),
        ours.precision: lambda v: _of_counts(v, ours.precision_of_counts),
        ours.recall: lambda v: _of_counts(v, ours.recall_of_counts),
        ours.auc_roc: lambda v: float((ours.auc_parts(v)[1] ** 2).sum() ** 0.5),
        ours.log_loss: theirs.mean_stderr,
    }
    form = forms.get(aggregation)
    if form is None or len(values) < 2:
        return None
    found = float(form(values))
    return found if math.isfinite(found) else None


def _of_nanmean(values: Sequence[float]) -> float:
    from lm_eval.api.metrics import mean_stderr

    known = [value for value in values if not math.isnan(value)]
    return float(mean_stderr(known)) if len(known) > 1 else math.nan


def _of_median(values: Sequence[float]) -> float:
    """The bootstrap's own value for endlessly many resamples (Maritz and Jarrett, 1978)."""
    import numpy as np
    from scipy.special import betainc

    n = len(values)
    place = n // 2 + 1  # which of the sorted values lm-eval takes, from 1
    edges = betainc(place, n - place + 1, np.arange(n + 1) / n)
    weights, ordered = np.diff(edges), np.sort(np.asarray(values, dtype=float))
    centre = float(weights @ ordered)
    return math.sqrt(float(weights @ (ordered - centre) ** 2))


def _of_perplexity(values: Sequence[float]) -> float:
    from lm_eval.api.metrics import mean_stderr, perplexity

    return float(mean_stderr(values)) * float(perplexity(values))


def _ratio_error(values: Sequence[tuple[float, float]]) -> float:
    """The standard error of sum(a) / sum(b): the delta method."""
    import numpy as np

    a, b = np.asarray(values, dtype=float).T
    rest = a - b * (a.sum() / b.sum())
    n = len(a)
    return float((rest @ rest * n / (n - 1)) ** 0.5 / b.sum())


def _of_brier_score(values: Sequence[tuple[int, Any]]) -> float:
    import numpy as np
    from lm_eval.api.metrics import mean_stderr

    each = []
    for gold, probabilities in values:
        wanted = np.eye(len(probabilities))[gold]
        each.append(float(((np.asarray(probabilities) - wanted) ** 2).sum()))
    return float(mean_stderr(each))


def _of_counts(values: Sequence[tuple[int, int]], form: Callable[[Any], Any]) -> float:
    import numpy as np

    from optimerge.objectives.added_metrics import confusion

    counts = confusion(values)
    cells = counts.size
    resamples = max(100, min(RESAMPLES, _MOST_CELLS // cells))
    drawn = np.random.default_rng(_SEED).multinomial(
        len(values), (counts / counts.sum()).ravel(), size=resamples
    )
    return float(form(drawn.reshape(resamples, *counts.shape).astype(float)).std(ddof=1))


def _binary_f1(counts: Any) -> Any:
    """F1 of the class 1 of two, as lm-eval's f1; `counts` of one class alone: all right or none."""
    import numpy as np

    if counts.shape[-1] < 2:
        return np.ones(counts.shape[0])
    right = 2 * counts[:, 1, 1]
    all_of = counts[:, 1, :].sum(-1) + counts[:, :, 1].sum(-1)
    return np.divide(right, all_of, out=np.zeros_like(right), where=all_of > 0)


def _mcc(counts: Any) -> Any:
    """Matthews' correlation of confusion counts, of any number of classes; 0 if not defined."""
    import numpy as np

    there, said, all_of = counts.sum(-1), counts.sum(-2), counts.sum((-1, -2))
    right = np.einsum("...ii->...", counts)
    covariance = right * all_of - (there * said).sum(-1)
    spread = (all_of**2 - (there**2).sum(-1)) * (all_of**2 - (said**2).sum(-1))
    root = np.sqrt(spread)
    return np.divide(covariance, root, out=np.zeros_like(root), where=root > 0)
