"""What a sentence calls a trial."""

from optimerge.records.types import Trial


def called(trial: Trial) -> str:
    """Return a trial's kind and name.

    >>> called(Trial(None, "complete", "expert:maths", {}, ""))
    'parent maths'
    """
    return f"{'parent' if trial.is_parent else 'trial'} {trial.name}"
