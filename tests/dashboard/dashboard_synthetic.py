"""Runs made up for the page: what the API would answer of a search with such trials."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard_layers import LONG, layers

START = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
NAMES = ("gsm8k", "humaneval", "jcommonsenseqa", "sparsity", "perplexity:wiki", "drift")
PARENTS = ("base", "math-expert-instruct", "code-expert")
PARAMS = ("math.weight", "math.density", "code.weight", "code.density", "lambda")
DOWN = ("sparsity", "perplexity:wiki", "drift")
NASTY = '<img src=x onerror="document.title=1"> & <b>bold</b>'


@dataclass
class Synthetic:
    """A run of `trials` on `objectives`, of which `shown` are told so far."""

    id: str
    name: str
    trials: int
    objectives: int = 3
    running: bool = False
    all_failed: bool = False
    tested: bool = False
    seed: int = 0
    long: bool = False
    """Whether parents have long names, and 80 layers and 6 experts are merged."""
    shown: int = field(init=False)
    rows: list[dict[str, Any]] = field(init=False)
    _fronts: dict[int, list[dict[str, Any]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.shown = self.trials
        draw = random.Random(self.seed)
        self.rows = [self._row(number, draw) for number in range(self.trials + 20)]

    @property
    def parent_names(self) -> tuple[str, ...]:
        return tuple(f"{LONG}{n}-v0.3" for n in PARENTS) if self.long else PARENTS

    @property
    def names(self) -> tuple[str, ...]:
        return NAMES[: self.objectives] if self.objectives != 2 else ("gsm8k", "sparsity")

    def _row(self, number: int, draw: random.Random) -> dict[str, Any]:
        params: dict[str, Any] = {name: round(draw.random(), 4) for name in PARAMS}
        params["method"] = draw.choice(["ties", "dare_ties"])
        luck = draw.random()
        state = (
            "failed" if self.all_failed or luck < 0.06 else "pruned" if luck < 0.12 else "complete"
        )
        good, density = params["math.weight"], params["math.density"]
        ideal = {
            "gsm8k": 0.3 + 0.4 * good - 0.2 * (good - 0.7) ** 2,
            "humaneval": 0.25 + 0.3 * params["code.weight"] - 0.15 * good,
            "jcommonsenseqa": 0.6 + 0.2 * params["lambda"] - 0.1 * density,
            "sparsity": (density + params["code.density"]) / 2,
            "perplexity:wiki": 12 + 4 * abs(params["lambda"] - 0.5),
            "drift": 0.01 * density,
        }
        scores = {n: ideal[n] + draw.gauss(0, 0.02 if n in NAMES[:3] else 0) for n in self.names}
        errors = {n: 0.013 if n in NAMES[:3] else 0.0 for n in self.names}
        return {
            "name": str(number),
            "state": state,
            "params": params,
            "scores": None if state == "failed" else scores,
            "stderr": None if state == "failed" else errors,
            "feasible": draw.random() > 0.08,
            "error": f"the merge of trial {number % 3} is not finite {NASTY}"
            if state == "failed"
            else "",
        }

    def up(self, name: str) -> int:
        return -1 if name in DOWN else 1

    def front(self) -> list[dict[str, Any]]:
        shown = self.shown
        if shown not in self._fronts:
            self._fronts[shown] = self._front()
        return self._fronts[shown]

    def _front(self) -> list[dict[str, Any]]:
        some = [r for r in self.rows[: self.shown] if r["state"] == "complete" and r["feasible"]]
        keys = [tuple(self.up(n) * r["scores"][n] for n in self.names) for r in some]
        return [
            row
            for row, key in zip(some, keys, strict=True)
            if not any(o != key and all(a >= b for a, b in zip(o, key, strict=True)) for o in keys)
        ]

    def summary(self) -> dict[str, Any]:
        rows = self.rows[: self.shown]
        states = {s: sum(r["state"] == s for r in rows) for s in ("complete", "failed", "pruned")}
        reasons: dict[str, int] = {}
        for row in rows:
            if row["error"]:
                reasons[row["error"]] = reasons.get(row["error"], 0) + 1
        return {
            "id": self.id,
            "name": self.name,
            "objectives": self.listed(),
            "folder": f"runs/{self.id}",
            "reference": [
                -0.2 if self.up(n) > 0 else (1.0 if n == "sparsity" else 16.0) for n in self.names
            ],
            "scales": [1.0 for _ in self.names],
            "hypervolume": 0.731 if states["complete"] else None,
            "states": {**states, "running": int(self.running), "waiting": 0},
            "failures": [{"reason": r, "count": c} for r, c in reasons.items()],
            "activity": {
                "running": self.running,
                "seconds_per_trial": 92.4 if rows else None,
                "goal": self.trials + 20,
                "ends": (START + timedelta(hours=9)).isoformat() if self.running else None,
                "last_end": START.isoformat() if rows else None,
                "left": 20 * 92.4 if self.running else None,
                "proposing": 4.0,
                "waiting": 0.012,
                "tokens_per_second": 8123.4,
                "now": [{"name": str(self.shown), "origin": "sampler", "since": START.isoformat()}]
                if self.running
                else [],
            },
            "stages": [
                {"stage": s, "total": m * len(rows), "mean": m}
                for s, m in (
                    *(("merge", 11.5), ("score", 78.8), ("answer", 70.0), ("metrics", 0.05)),
                    *(("others", 8.7), ("wait", 0.012), ("propose", 4.0)),
                )
            ]
            if rows
            else [],
            "tested": self.tested,
            "watched": [{"name": "kl:base", "direction": "minimize"}],
            "reported": [{"name": "ifeval", "direction": "maximize"}] if self.tested else [],
            "constraints": ["gsm8k >= 0.5"],
            "front": len(self.front()),
            "commands": {"test": f"optimerge test runs/{self.id}"},
            "version": self.shown,
        }

    def listed(self) -> list[dict[str, Any]]:
        return [
            {
                "name": n,
                "direction": "maximize" if self.up(n) > 0 else "minimize",
                "task": n in NAMES[:3],
            }
            for n in self.names
        ]

    def columns(self) -> dict[str, Any]:
        rows, front = self.rows[: self.shown], {r["name"] for r in self.front()}
        test = {r["name"] for r in self.front()[:6]} if self.tested else set()

        def of(key: str, name: str) -> list[Any]:
            return [r[key][name] if r[key] else None for r in rows]

        def tested(name: str, by: float) -> list[Any]:
            return [r["scores"][name] - by if r["name"] in test else None for r in rows]

        parents = self.parents() if rows else []
        rows = [*parents, *rows]
        trials = {
            "name": [r["name"] for r in rows],
            "number": [None] * len(parents) + list(range(len(rows) - len(parents))),
            "state": [r["state"] for r in rows],
            "origin": ["sampler" for _ in rows],
            "parent": [i < len(parents) for i in range(len(rows))],
            "violations": [None if r["feasible"] else {"gsm8k >= 0.5": 0.1} for r in rows],
            "stopped": [
                "behind on half of the items" if r["state"] == "pruned" else "" for r in rows
            ],
            "on_front": [r["name"] in front for r in rows],
            "feasible": [r["feasible"] for r in rows],
            "error": [r["error"] for r in rows],
            "seconds": [92.4] * len(rows),
            "ended": [(START + timedelta(seconds=92 * i)).isoformat() for i in range(len(rows))],
            "scores": {n: of("scores", n) for n in self.names}
            | {"kl:base": [0.05 if r["scores"] else None for r in rows]},
            "stderr": {n: of("stderr", n) for n in self.names}
            | {"kl:base": [0.002 if r["scores"] else None for r in rows]},
            "test": {n: tested(n, 0.02) for n in self.names}
            | {"ifeval": [0.41 if r["name"] in test else None for r in rows]}
            if test
            else {},
            "test_stderr": {
                n: [0.01 if r["name"] in test else None for r in rows]
                for n in (*self.names, "ifeval")
            }
            if test
            else {},
            "params": {p: [r["params"].get(p) for r in rows] for p in (*PARAMS, "method")},
        }
        return {
            "version": self.shown,
            "trials": trials,
            "baselines": self.baselines()[3:] if rows and self.tested else [],
        }

    def parents(self) -> list[dict[str, Any]]:
        return [
            {
                "name": b["name"],
                "state": "complete",
                "params": {},
                "scores": b["search"],
                "stderr": b["stderr"],
                "feasible": True,
                "error": "",
            }
            for b in self.baselines()[:3]
        ]

    def baselines(self) -> list[dict[str, Any]]:
        values = {
            "base": (0.31, 0.24, 0.61, 0.0, 13.0, 0.0),
            "math-expert-instruct": (0.58, 0.17, 0.55, 0.97, 14.2, 0.012),
            "code-expert": (0.29, 0.46, 0.58, 0.92, 13.9, 0.011),
            "soup:math-expert-instruct+code-expert": (0.47, 0.36, 0.62, 0.98, 12.9, 0.009),
        }
        if self.long:  # a cluster, where names would cover each other
            for i, name in enumerate(("uniform", "greedy_soup", "task_arithmetic", "ties")):
                soup = values["soup:math-expert-instruct+code-expert"]
                values[name] = tuple(v + 0.003 * (i + 1) for v in soup)  # type: ignore[assignment]
        return [
            {
                "name": dict(zip(PARENTS, self.parent_names, strict=True)).get(name, name),
                "kind": "parent" if name in PARENTS else "baseline",
                "about": "as given" if name in PARENTS else "uniform average of the experts",
                "search": {n: row[NAMES.index(n)] for n in self.names},
                "test": {n: row[NAMES.index(n)] - 0.005 for n in self.names} if self.tested else {},
                "stderr": {n: 0.014 if n in NAMES[:3] else 0.0 for n in self.names},
                "test_stderr": {n: 0.01 if n in NAMES[:3] else 0.0 for n in self.names},
            }
            for name, row in values.items()
        ]

    def history(self) -> dict[str, Any]:
        done = [r for r in self.rows[: self.shown] if r["state"] == "complete"]
        best: dict[str, list[float]] = {n: [] for n in self.names}
        for row in done:
            for name in self.names:
                pick = max if self.up(name) > 0 else min
                best[name].append(pick([*best[name][-1:], row["scores"][name]]))
        volume = [0.74 * (1 - 0.9 ** (1 + i / 3)) for i in range(len(done))]
        ended = [(START + timedelta(seconds=92 * int(r["name"]))).isoformat() for r in done]
        hours = [92 * int(r["name"]) / 3600 for r in done]
        return {
            "trial": [r["name"] for r in done],
            "hypervolume": volume,
            "ended": ended,
            "hours": hours,
            "best": best,
        }

    def one(self, name: str) -> dict[str, Any] | None:
        row = next((r for r in self.rows[: self.shown] if r["name"] == name), None)
        if row is None:
            return None
        about = {n: d["direction"] for n, d in zip(self.names, self.listed(), strict=True)}
        scores = {
            n: {
                "value": v,
                "stderr": row["stderr"][n],
                "items": 300 if n in NAMES[:3] else 0,
                "direction": about[n],
            }
            for n, v in (row["scores"] or {}).items()
        }
        recipe = (
            "merge_method: ties\nbase_model: base\nmodels:\n"
            + "".join(
                f"  - model: {m}\n    parameters:\n      weight: {row['params'][f'{k}.weight']}\n      density: {row['params'][f'{k}.density']}\n"
                for k, m in (("math", "math-expert-instruct"), ("code", "code-expert"))
            )
            + f"# {NASTY}\n"
        )
        parents = [
            {
                "name": b["name"],
                "scores": {
                    n: {
                        "value": b["search"][n],
                        "stderr": b["stderr"][n],
                        "items": 300,
                        "direction": about[n],
                    }
                    for n in self.names
                },
            }
            for b in self.baselines()
        ]
        return {
            "name": name,
            "number": int(name),
            "state": row["state"],
            "origin": "sampler",
            "error": row["error"],
            "recipe": recipe,
            "exported": f"# optimerge: trial {name}\n{recipe}",
            "scores": scores
            and {
                **scores,
                "kl:base": {"value": 0.05, "stderr": 0.002, "items": 300, "direction": "minimize"},
            },
            "test": {
                "ifeval": {"value": 0.41, "stderr": 0.01, "items": 300, "direction": "maximize"}
            }
            if self.tested
            else {},
            "parents": parents[:3],
            "best_baseline": parents[3],
            "comparisons": [
                {
                    "objective": n,
                    "items": "search",
                    "against": p["name"],
                    "difference": self.up(n) * (scores[n]["value"] - p["scores"][n]["value"]),
                    "stderr": 0.017,
                    "significant": abs(scores[n]["value"] - p["scores"][n]["value"]) > 0.034,
                }
                for n in self.names
                if n in NAMES[:3] and scores
                for p in parents
            ],
            "violations": {} if row["feasible"] else {"gsm8k >= 0.5": 0.1},
            "stopped": "",
            "note": "",
            "tasks": [n for n in self.names if n in NAMES[:3]],
            "stats": {
                "parameters": 7_240_000_000,
                "nonzero": 3_100_000_000,
                "nonzero_share": 0.428,
                "l1": 1234.5,
                "l2": 8.21,
                "seconds": 11.2,
            },
            "seconds": {"wait": 0.012, "merge": 11.5, "score": 78.8},
            "params": row["params"],
            "layers": layers(row["params"], self.long),
            "commands": {
                "export": f"optimerge export runs/demo --trial {name} -o recipe.yaml",
                "build": "optimerge build recipe.yaml merged",
            },
        }

    def items(self, name: str, task: str, only: str, offset: int) -> dict[str, Any]:
        draw = random.Random(f"{name}{task}")
        every = [(i, draw.random() < 0.6, draw.random() < 0.5) for i in range(300)]
        won = [e for e in every if e[1] and not e[2]]
        lost = [e for e in every if e[2] and not e[1]]
        some = {"won": won, "lost": lost}.get(only, every)[offset : offset + 20]
        return {
            "won": len(won),
            "lost": len(lost),
            "same": 300 - len(won) - len(lost),
            "total": {"won": len(won), "lost": len(lost)}.get(only, 300),
            "items": [
                {
                    "document": i,
                    "choices": [],
                    "prompt": f"Question {i}: what is {i} + {i}? {NASTY}\n"
                    + "  An example before it.\n" * (i % 3 * 6)
                    + "Answer:",
                    "a": float(a),
                    "b": float(b),
                    "text_a": str(2 * i),
                    "text_b": None,
                }
                for i, a, b in some
            ],
        }
