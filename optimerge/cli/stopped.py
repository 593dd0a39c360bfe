"""How many trials races stopped early, in words."""

from collections.abc import Sequence

from optimerge.records.types import Trial


def stopped_early(trials: Sequence[Trial]) -> str:
    """Return how many trials were stopped and what share of the items that saved, "" if none.

    Items are those of the objectives that are raced on: on which some trial was stopped. Failed
    trials do not count.
    """
    scored = [trial for trial in trials if trial.state in ("complete", "pruned")]
    early = [trial for trial in scored if trial.state == "pruned"]
    if not early:
        return ""
    whole: dict[str, int] = {}
    for trial in scored:
        for name, score in trial.scores.items():
            whole[name] = max(whole.get(name, 0), score.items)
    left = {
        name: sum(items - trial.scores[name].items for trial in early if name in trial.scores)
        for name, items in whole.items()
    }
    raced = [name for name in left if left[name]]
    asked = len(scored) * sum(whole[name] for name in raced)
    share = sum(left[name] for name in raced) / asked if asked else 0.0
    return f"{len(early)} of {len(scored)} trials, which saved {share:.0%} of the items"
