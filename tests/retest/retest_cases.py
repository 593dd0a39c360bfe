"""Results of retests with a known truth, for the tests of the statistics."""

from statistics import NormalDist

import numpy as np

from optimerge.records.types import Score
from optimerge.retest.tested import Items, Masks, Results, Tested

KINDS = {
    "3": "merge",
    "10": "merge",
    "base": "parent",
    "red": "parent",
    "uniform": "baseline",
    "soup": "baseline",
    "ensemble": "ensemble",
}
TASKS = ("maths", "code")
SIZES = dict(zip(KINDS, (0.3, 0.4, 0.0, 0.9, 0.5, 0.6), strict=False))


def right(random, hard, skill, kinship=0.7):
    """Whether a model of that chance of success is right on each document; kin fail alike."""
    luck = kinship * hard + (1 - kinship**2) ** 0.5 * random.normal(size=len(hard))
    return (luck < NormalDist().inv_cdf(skill)).astype(float)


def results(truth, items=200, seed=0, kinds=KINDS, tasks=TASKS, reported=(), masks=(), **more):
    """Results of models with these chances of success by name (a number, or one a task)."""
    random = np.random.default_rng(seed)
    names = [*tasks, *reported]
    hard = {(w, n): random.normal(size=items) for w in ("search", "test") for n in names}
    tested = []
    for name, kind in kinds.items():
        skills = np.broadcast_to(truth[name], len(names))
        scores, outcomes = {"search": {}, "test": {}}, {"search": {}, "test": {}}
        for which in ("search", "test"):
            for task, skill in zip(names, skills, strict=True):
                if which == "search" and task in reported:
                    continue
                values = right(random, hard[which, task], float(skill))
                scores[which][task] = score_of(values)
                outcomes[which][task] = Items((values,))
            if kind != "ensemble":
                scores[which]["size"] = Score(SIZES.get(name, 0.5), 0.0, 0, "minimize", 0.0)
        tested.append(
            Tested(
                name,
                kind,
                search=scores["search"],
                test=scores["test"],
                search_items=outcomes["search"],
                test_items=outcomes["test"],
                masks=tuple(masks) if name == "3" else (),
            )
        )
    return Results(
        objectives=dict.fromkeys(tasks, "maximize") | {"size": "minimize"},
        reported=dict.fromkeys(reported, "maximize"),
        tested=tuple(tested),
        reference=(*(0.0 for _ in tasks), 1.1),
        scales=(*(0.5 for _ in tasks), 1.0),
        **more,
    )


def score_of(values):
    error = float(values.std(ddof=1) / len(values) ** 0.5)
    return Score(float(values.mean()), error, len(values), "maximize", 1.0)


def other_masks(*values):
    return [
        Masks(seed, {"maths": Score(value, 0.03, 200, "maximize", 1.0)})
        for seed, value in enumerate(values)
    ]


EQUAL = dict.fromkeys(KINDS, 0.5)
WINS = EQUAL | {"3": 0.8, "10": 0.66}
LOSES = EQUAL | {"3": 0.35, "10": (0.3, 0.5)}
