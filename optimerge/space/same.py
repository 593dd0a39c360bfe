"""Tells whether two search spaces are the same, for a run that is resumed."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

FREE = (
    *("trials", "hours", "until", "sampler", "batch_size", "memory", "racing", "strict"),
    *("warm_start", "on_finish", "webhook", "trial_timeout", "device_map"),
)
"""Settings of `search:` that may change between resumes of a run."""


def fixed_part(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a search space's data must stay as it is while a run lives.

    What is under `report:` is never searched on, so it may come, change and go.
    """
    settings = {k: v for k, v in (data.get("search") or {}).items() if k not in FREE}
    kept = {k: v for k, v in data.items() if k not in ("search", "report")}
    return {**kept, "search": {"seed": 0, "exact": False, **settings}}


def shareable(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a search space's data without what is its user's own: hooks, which hold secrets."""
    settings = data.get("search")
    if not isinstance(settings, dict):
        return dict(data)
    kept = {k: v for k, v in settings.items() if k not in ("on_finish", "webhook")}
    return {**data, "search": kept}


def space_digest(data: Mapping[str, Any]) -> str:
    """Return a digest of the fixed part."""
    text = json.dumps(fixed_part(data), sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def first_difference(old: Any, new: Any, where: str = "") -> str | None:
    """Return the first key path at which two pieces of data differ, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(k for k in new if k not in old)]
        pairs = [(f"{where}.{k}".lstrip("."), old.get(k), new.get(k)) for k in keys]
    elif isinstance(old, list) and isinstance(new, list) and len(old) != len(new):
        return f"{where} had {len(old)} entries and has {len(new)}"
    elif isinstance(old, list) and isinstance(new, list):
        pairs = [(f"{where}[{i}]", a, b) for i, (a, b) in enumerate(zip(old, new, strict=True))]
    else:
        return None if old == new else f"{where} was {_short(old)} and is {_short(new)}"
    return next((found for k, a, b in pairs if (found := first_difference(a, b, k))), None)


def _short(value: Any) -> str:
    text = "not given" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
