"""Settings of a search that the command line overrides."""

from dataclasses import replace
from typing import Any, Literal

from optimerge.space.space import SearchSpace


def overridden(
    space: SearchSpace,
    trials: int | None = None,
    hours: float | None = None,
    sampler: str | None = None,
    seed: int | None = None,
    exact: bool = False,
    memory: str | None = None,
    task_vectors: str | None = None,
    strict: bool = False,
    racing: Literal[False] | None = None,
    until: str | None = None,
    trial_timeout: float | None = None,
    device_map: str | None = None,
) -> SearchSpace:
    """Return the space with the given settings in place of its own.

    A budget given on the command line replaces the file's whole: `--hours 9` is not cut short
    by `trials:` in the file.
    """
    given: dict[str, Any] = {
        "sampler": sampler,
        "seed": seed,
        "exact": exact or None,
        "memory": memory,
        "task_vectors": task_vectors,
        "strict": strict or None,
        "racing": racing,
        "trial_timeout": trial_timeout,
        "device_map": device_map,
    }
    limits = {"trials": trials, "hours": hours, "until": until}
    budget = limits.keys() if any(v is not None for v in limits.values()) else ()
    if budget:
        given |= limits
    update = {k: v for k, v in given.items() if v is not None or k in budget}
    settings = space.search.model_copy(update=update)
    plain = settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    data = {**space.data, "search": plain}
    return replace(space, search=settings, data=data)
