"""Metrics that lm-eval lacks: auc_roc, macro_f1, precision, recall, log_loss.

By name on any multiple-choice task of a search space (`metric: auc_roc`), log_loss on tasks of
output_type loglikelihood too. A task file of your own can name the same functions:

    # utils.py beside the YAML; run with --allow-code; return only what metric_list names
    from optimerge.objectives.added_metrics import auc_roc, choice_items

    def judge(doc, results):
        return {"auc_roc": choice_items(doc["gold"], [ll for ll, _ in results])["auc_roc"]}

    # the YAML
    process_results: !function utils.judge
    metric_list: [{metric: auc_roc, aggregation: !function utils.auc_roc, higher_is_better: true}]

The classes are the options' places: 0 for the first option. An item is what one document gives:
(gold, probabilities) for auc_roc, (gold, prediction) for the others, a number for log_loss.
ValueError where a metric is not defined. The macro averages are scikit-learn's, with 0 for a
class that is never predicted.
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

Item = Any

NO_GOLD = -1
"""Stands for a gold answer that is none of the options."""


def choice_items(gold: int, log_likelihoods: Sequence[float]) -> dict[str, Item]:
    """Return a document's item for each metric, from the log-likelihoods of its options."""
    import numpy as np

    scores = np.asarray(log_likelihoods, dtype=float)
    logs = scores - scores.max()
    logs = logs - np.log(np.exp(logs).sum())
    said = (int(gold), int(np.argmax(scores)))
    known = 0 <= gold < len(scores)
    return {
        "auc_roc": (int(gold) if known else NO_GOLD, tuple(float(p) for p in np.exp(logs))),
        "macro_f1": said if known else (NO_GOLD, said[1]),
        "precision": said if known else (NO_GOLD, said[1]),
        "recall": said if known else (NO_GOLD, said[1]),
        "log_loss": -float(logs[gold]) if known else float("nan"),
    }


def auc_roc(items: Sequence[tuple[int, Sequence[float]]]) -> float:
    """Area under the ROC curve of the second of two options; of more, the mean of one-vs-rest.

    A class that is no document's answer is left out of the mean.
    """
    return float(auc_parts(items)[0])


def auc_parts(items: Sequence[tuple[int, Sequence[float]]]) -> tuple[float, Any]:
    """Return the area and each document's influence on it, [documents].

    The influences give DeLong's variance: the sum of their squares (DeLong et al., 1988).
    """
    import numpy as np
    from scipy.stats import rankdata

    golds = np.array([gold for gold, _ in _checked(items)])
    counts = sorted({len(probabilities) for _, probabilities in items})
    if len(counts) > 1 or counts[0] < 2:
        raise ValueError(
            f"auc_roc needs the same number of options, two or more, in all documents; there are "
            f"{counts[0]} to {counts[-1]}"
        )
    classes = np.unique(golds)
    if len(classes) < 2:
        raise ValueError(
            f"auc_roc is not defined: option {golds[0]} is the answer of all documents"
        )
    scores = np.array([probabilities for _, probabilities in items])
    if scores.shape[1] == 2:
        classes = classes[1:]
    areas, influence = [], np.zeros(len(golds))
    for each in classes:
        own, column = golds == each, scores[:, each]
        n1, n0 = int(own.sum()), int((~own).sum())
        all_ranks = rankdata(column)
        # The share of the other class that a document stands above, ties counted half.
        above = (all_ranks[own] - rankdata(column[own])) / n0
        below = 1 - (all_ranks[~own] - rankdata(column[~own])) / n1
        areas.append(above.mean())
        influence[own] += (above - areas[-1]) / (n1 * (n1 - 1)) ** 0.5 if n1 > 1 else 0.0
        influence[~own] += (below - areas[-1]) / (n0 * (n0 - 1)) ** 0.5 if n0 > 1 else 0.0
    return float(np.mean(areas)), influence / len(areas)


def macro_f1(items: Sequence[tuple[int, int]]) -> float:
    """Mean over the classes of the harmonic mean of precision and recall."""
    return float(f1_of_counts(confusion(_checked(items))))


def precision(items: Sequence[tuple[int, int]]) -> float:
    """Mean over the classes of the share of right ones among those predicted."""
    return float(precision_of_counts(confusion(_checked(items))))


def recall(items: Sequence[tuple[int, int]]) -> float:
    """Mean over the classes of the share of those that are predicted."""
    return float(recall_of_counts(confusion(_checked(items))))


def log_loss(items: Sequence[float]) -> float:
    """Mean over the documents of minus the log of the gold answer's probability.

    Among the options, their log-likelihoods normalised; of a loglikelihood task, as it is.
    """
    import math

    value = sum(items) / len(items)
    if math.isnan(value):
        raise ValueError("a document's gold answer is none of its options")
    return value


def confusion(items: Sequence[tuple[int, int]]) -> Any:
    """Return how often each class (row) was predicted as each (column), [classes, classes]."""
    import numpy as np

    both = np.array([*(gold for gold, _ in items), *(said for _, said in items)])
    labels, places = np.unique(both, return_inverse=True)
    counts = np.zeros((len(labels), len(labels)))
    np.add.at(counts, (places[: len(items)], places[len(items) :]), 1)
    return counts


def f1_of_counts(counts: Any) -> Any:
    """Macro F1 of confusion counts, [..., classes, classes]; classes are those that occur."""
    right, predicted, there = _margins(counts)
    return _mean_over_classes(2 * right, predicted + there, there + predicted)


def precision_of_counts(counts: Any) -> Any:
    """Macro precision of confusion counts."""
    right, predicted, there = _margins(counts)
    return _mean_over_classes(right, predicted, there + predicted)


def recall_of_counts(counts: Any) -> Any:
    """Macro recall of confusion counts."""
    right, predicted, there = _margins(counts)
    return _mean_over_classes(right, there, there + predicted)


ADDED: MappingProxyType[str, tuple[Callable[..., float], bool]] = MappingProxyType(
    {
        "auc_roc": (auc_roc, True),
        "macro_f1": (macro_f1, True),
        "precision": (precision, True),
        "recall": (recall, True),
        "log_loss": (log_loss, False),
    }
)
"""By name: the function from items to a value, and whether higher is better."""


def _checked(items: Sequence[tuple[int, Any]]) -> Sequence[tuple[int, Any]]:
    if not items:
        raise ValueError("there are no documents")
    if min(gold for gold, _ in items) < 0:
        raise ValueError("a document's gold answer is none of its options")
    return items


def _margins(counts: Any) -> tuple[Any, Any, Any]:
    import numpy as np

    return np.einsum("...ii->...i", counts), counts.sum(-2), counts.sum(-1)


def _mean_over_classes(numerator: Any, denominator: Any, occurs: Any) -> Any:
    import numpy as np

    each = np.divide(
        numerator, denominator, out=np.zeros_like(numerator, dtype=float), where=denominator > 0
    )
    return each.sum(-1) / np.maximum((occurs > 0).sum(-1), 1)
