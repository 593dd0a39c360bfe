"""What is worked out about made-up runs: importances, what a test found."""

from typing import Any

from dashboard_synthetic import NAMES, NASTY, PARAMS, Synthetic


def importance(run: Synthetic) -> dict[str, Any]:
    share = (0.5, 0.2, 0.15, 0.1, 0.05)
    weights = [{"parameter": p, "share": s} for p, s in zip(PARAMS, share, strict=True)]
    known = {
        "weights": weights,
        "parents": [{"name": n, "share": 0.7 / (i + 1)} for i, n in enumerate(run.parent_names[1:])],
        "layers": [0.1 / (1 + abs(i - 9)) for i in range(28)],
        "unknown": [],
        "trials": run.shown,
        "reason": "",
    }  # fmt: skip
    none = {"weights": [], "parents": [], "layers": [], "reason": "all values are equal"}
    return {
        "version": run.shown,
        "method": "fanova",
        "objectives": {n: none if n == run.names[-1] else known for n in run.names},
    }


def verdict(run: Synthetic) -> dict[str, Any]:
    """Return what the test found: the first member beats the best baseline."""
    tasks = [n for n in run.names if n in NAMES[:3]]
    named = [(t["name"], "merge", t["scores"], "") for t in run.front()[:6]]
    named += [(b["name"], b["kind"], b["search"], b["about"]) for b in run.baselines()]
    means = {n: sum(s[t] for t in tasks) / len(tasks) - 0.02 for n, _, s, _ in named}
    soup = run.baselines()[3]["name"]
    ifeval = {"ifeval": {"value": 0.41, "stderr": 0.02, "items": 300}}

    def compared(name: str) -> dict[str, Any]:
        value = means[name] - means[soup]
        ends = {"value": value, "stderr": 0.006, "low": value - 0.012, "high": value + 0.012}
        return {
            "model": name,
            "against": "baselines",
            "task": None,
            "rival": soup,
            "ours": means[name],
            "theirs": means[soup],
            "difference": ends,
            "family": 40,
            "p": 0.01,
            "p_corrected": 0.0001 if value > 0.02 else 1.0,
            "significant": value > 0.02,
        }

    gap = {"value": 0.021, "stderr": 0.009, "low": 0.003, "high": 0.039}
    merges = [n for n, kind, _, _ in named if kind == "merge"]
    return {
        "headline": f"Trial {merges[0]} beats the best baseline {NASTY}.",
        "objectives": {x["name"]: x["direction"] for x in run.listed()},
        "reported": {"ifeval": "maximize"},
        "tasks": tasks,
        "models": [
            {
                "name": n,
                "kind": kind,
                "about": about,
                "error": "",
                "gap": {},
                "search": {},
                "test": {
                    k: {"value": v - 0.02, "stderr": 0.01 if k in tasks else 0.0, "items": 500}
                    for k, v in scores.items()
                }
                | ifeval,
                "on_front": True,
                "was_on_front": True,
                "dominated_by": [],
                "masks": {},
                "p_front": {"search": 0.8, "test": 0.7},
            }
            for n, kind, scores, about in named
        ],
        "comparisons": {"test": [compared(n) for n in merges], "search": []},
        "front": {"stays": merges[1:], "falls": merges[:1], "joins": [soup]},
        "hypervolume": {},
        "flattery": {"gap": gap, "parents": None, "excess": None, "flattered": True},
        "looks": 2,
        "skipped": {"slerp": "it needs two experts"},
        "draws": 2000,
        "flips": 10000,
    }
