"""The mean of a model's scores on the tasks: that which is shown, and that which is chosen by.

Two rules, because they answer two questions. A mean for people to read is of scores on documents
that are maximised: shares of what is right, all of one unit; a perplexity in it would say nothing.
Who must choose by one number (a soup's next expert, the scale of a task arithmetic) takes all tasks
of the space, which may all be minimised: such a one counts with a minus.
"""

from collections.abc import Iterable
from statistics import fmean

from optimerge.front.losses import larger_is_better, to_loss
from optimerge.records.types import Direction, Score


def is_in_shown_mean(direction: Direction) -> bool:
    """Whether the mean that people read has an objective in it that is scored on documents.

    >>> is_in_shown_mean("maximize"), is_in_shown_mean("minimize")
    (True, False)
    """
    return larger_is_better(direction)


def mean_to_choose_by(scores: Iterable[Score]) -> float:
    """Return the mean of scores, larger is better; StatisticsError if there is none.

    >>> mean_to_choose_by([Score(0.5, None, 9, "maximize", 0), Score(2.0, None, 9, "minimize", 0)])
    -0.75
    """
    return fmean(0.0 - to_loss(score.value, score.direction) for score in scores)
