"""What the laws of samplers propose in: small spaces, and histories of every kind.

A history is a word, a letter a trial, oldest first: c complete, f failed, n failed with scores
that are no numbers, p stopped without an estimate, r still being scored.
"""

import json
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import yaml

from optimerge.records.types import Direction
from optimerge.search.proposals import Proposal, View, propose_point, suggest_point
from optimerge.search.samplers.named import NamedSampler
from optimerge.space.points import METHOD, key_of, random_point
from optimerge.space.ranges import Dimension, Param
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace
from optimerge.testing.processes import run_python

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

Score = Callable[[float, int, int], float]
"""The value of an objective: of a point's height (0 to 1), the objective's and trial's index."""

_RECIPE = """
merge_method: {method}
base_model: base
models:
  - {{model: a, parameters: {{weight: {a}, density: {density}}}}}
  - {{model: b, parameters: {{weight: {b}}}}}
parameters: {{normalize: {normalize}}}
"""
_LAYERS = """
merge_method: passthrough
slices:
- sources: [{model: a, layer_range: [0, {low: 2, high: 12}]}]
- sources: [{model: {choices: [a, b]}, layer_range: [{low: 4, high: 12, step: 4}, 16]}]
"""
_FIXED = {"method": "ties", "a": "0.5", "density": "0.5", "b": "0.5", "normalize": "true"}
_MIXED = {
    "method": "{choices: [ties, linear]}",
    "a": "{low: 0.0, high: 1.0}",
    "density": "{low: 0.1, high: 0.9, step: 0.2}",
    "b": "{low: 0.001, high: 1.0, log: true}",
    "normalize": "{choices: [true, false]}",
}
_NUMBERS = {"a": "{low: 0.0, high: 1.0}", "b": "{low: -1.0, high: 0.5}"}
_SMALL = {"density": "{low: 0.1, high: 0.9, step: 0.4}", "normalize": "{choices: [true, false]}"}
_SMALL |= {"a": "{choices: [0.3, 0.7]}"}
_TWO = ("{task: t}", "{sparsity: l1}")
SPACES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "mixed": (_RECIPE.format(**_FIXED | _MIXED), _TWO),
    "numbers": (_RECIPE.format(**_FIXED | _NUMBERS), _TWO),
    "layers": (_LAYERS, _TWO),
    "one objective": (_RECIPE.format(**_FIXED | _NUMBERS), ("{task: t}",)),
    "six objectives": (
        _RECIPE.format(**_FIXED | _NUMBERS),
        tuple(f"{{task: t{i}}}" for i in range(6)),
    ),
    "bounded": (
        _RECIPE.format(**_FIXED | _NUMBERS),
        ("{task: t, at_least: 0.3}", "{task: u, at_most: 0.8}"),
    ),
    "one number": (_RECIPE.format(**_FIXED | {"a": "{low: 0.0, high: 1.0}"}), ("{task: t}",)),
    "small": (_RECIPE.format(**_FIXED | _SMALL), _TWO),
    "one point": (_RECIPE.format(**_FIXED | {"a": "{low: 0.5, high: 0.5}"}), _TWO),
}
"""Recipe and objectives of each space."""


@cache
def space_named(name: str) -> SearchSpace:
    """Return one of the spaces."""
    recipe, objectives = SPACES[name]
    text = f"{recipe}\nobjectives: [{', '.join(objectives)}]"
    return make_space(yaml.safe_load(text), Path("laws.yaml"))


def plain(height: float, objective: int, trial: int) -> float:
    """Score without surprises: objectives that pull in different directions."""
    return height if objective % 2 == 0 else 1 - height**2


def view(space: str, word: str = "", score: Score = plain, seed: int = 0) -> View:
    """Return the view of a history of random points."""
    found = space_named(space)
    directions: dict[str, Direction] = {
        name: "minimize" if name == "l1" else "maximize" for name in found.optimized
    }
    made = []
    for index, letter in enumerate(word):
        point = random_point(found, Random(index))
        made.append(trial(found, directions, index, point, letter, score))
    return View(found, directions, tuple(made), seed, len(made), scales=(0.5,) * len(directions))


def trial(
    space: SearchSpace,
    directions: Mapping[str, Direction],
    index: int,
    point: Mapping[str, Param],
    letter: str = "c",
    score: Score = plain,
    marks: Mapping[str, Any] | None = None,
) -> "FrozenTrial":
    """Return a trial at a point, as a sampler sees it; `marks`: what its sampler wrote on it."""
    import optuna

    fixed = optuna.trial.FixedTrial(dict(point))
    suggest_point(fixed, space)
    state = {"c": "COMPLETE", "p": "PRUNED", "r": "RUNNING"}.get(letter, "FAIL")
    values = {name: score(_height(space, point), k, index) for k, name in enumerate(directions)}
    shown = values if letter == "c" else dict.fromkeys(values, math.nan) if letter == "n" else {}
    stderr = (None, 0.0, 0.01)[index % 3]
    bounds = {b.name: b.excess(values[b.objective]) for b in space.bounds}
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[state],
        params=dict(point),
        distributions=fixed.distributions,
        values=list(values.values()) if letter == "c" else None,
        user_attrs={
            "origin": "sampler",
            "scores": {name: {"value": v, "stderr": stderr} for name, v in shown.items()},
        },
        system_attrs=dict(marks or {}),
        constraints=bounds if letter == "c" else {},
    )


def continued(
    sampler: NamedSampler, start: View, count: int, score: Score = plain
) -> list[Proposal]:
    """Return a sampler's next proposals, each told as complete before the next one."""
    found, now = [], start
    for _ in range(count):
        found.append(propose_point(now, sampler))
        now = told(now, found[-1], score)
    return found


def told(now: View, proposal: Proposal, score: Score = plain) -> View:
    """Return the view in which the proposal is a completed trial."""
    from dataclasses import replace

    index = len(now.trials)
    done = trial(now.space, now.directions, index, proposal.params, "c", score, proposal.attributes)
    return replace(now, trials=(*now.trials, done), number=now.number + 1)


def elsewhere(sampler: NamedSampler, views: Sequence[View]) -> list[Any]:
    """Return the proposals as another process makes them, with another hash seed; plain data."""
    code = (
        "import pickle, sys; from optimerge.testing import sampler_cases as cases;"
        "sys.stdout.write(cases.as_text(*pickle.load(sys.stdin.buffer)))"
    )
    return list(json.loads(run_python(code, pickle.dumps((sampler, views)))))


def as_text(sampler: NamedSampler, views: Sequence[View]) -> str:
    """Return the proposals as JSON."""
    found = [propose_point(each, sampler) for each in views]
    return json.dumps([[dict(each.params), dict(each.attributes)] for each in found])


def outside(space: SearchSpace, params: Mapping[str, Any]) -> str:
    """Return what is wrong with a point, "" if it is one of the space's, in plain Python."""
    method = str(params.get(METHOD, space.methods[0]))
    own = {d.name: d for d in space.active(method)}
    if set(own) != set(params):
        return f"a point of {method} has {sorted(own)}, not {sorted(params)}"
    wrong = [f"{n} = {params[n]!r}" for n, d in own.items() if not _inside(d, params[n])]
    return ", ".join(wrong)


def _inside(dimension: Dimension, value: Any) -> bool:
    r = dimension.range
    if type(value) not in (float, int, bool, str):
        return False
    if r.choices is not None:
        return value in r.choices
    assert r.low is not None
    assert r.high is not None
    if dimension.kind == "integer" and type(value) is not int:
        return False
    steps = (value - r.low) / r.step if r.step else 0.0
    return bool(r.low <= value <= r.high and abs(steps - round(steps)) < 1e-8)


def _height(space: SearchSpace, point: Mapping[str, Param]) -> float:
    """Return a number from 0 to 1 that grows with all numbers of a point."""
    text = repr(key_of(space, point)).encode()
    numbers = [float(v) for v in point.values() if isinstance(v, float | int)]
    smooth = sum(math.tanh(n) for n in numbers) / max(len(numbers), 1)
    return 0.25 + 0.5 * smooth + 0.1 * Random(text).random()
