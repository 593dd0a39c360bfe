"""The points of a space that people would try first, best first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from optimerge.methods.protocol import MergeMethod, Number, Required
from optimerge.methods.registry import method_named
from optimerge.records.origins import WARM
from optimerge.search.start.points import WEIGHT, fixed_values, model_of, parameter_name, point_near
from optimerge.space.labels import short_names
from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace

WHOLE: Mapping[str, Number] = {"density": 1.0, "lambda": 1.0}
"""Nothing dropped, nothing scaled."""
SCALES = (0.5, 0.7, 1.0, 0.3)
"""Weights that all experts have at once, where they are not divided by their sum."""
LAMBDAS = (1.5, 0.7)
"""Factors on the merged change, where weights are divided by their sum."""
LEANING = 0.7
"""Weight of the one expert that a point leans to."""


@dataclass(frozen=True)
class Start:
    """A point to try before the sampler is asked, and what it is."""

    origin: str
    """"warm:average", "warm:ties density 0.2", …: what tables call it, after "warm:"."""
    point: Mapping[str, Param]


def known_starts(space: SearchSpace, experts: Sequence[str]) -> Iterator[Start]:
    """Yield the points that have a meaning: there may be repeats, and parents among them.

    The average; one known-good point of each method; then, in turn, what is left of: all experts
    at one scale, leaning to each expert, further known-good points.
    """
    yield from _average(space, experts)
    good = [list(_known_good(space, name, experts)) for name in space.methods]
    for found in good:
        yield from found[:1]
    scaled = list(_scaled(space, experts))
    yield from scaled[:1]
    yield from _leaning(space, experts)
    for found in good:
        yield from found[1:2]
    yield from scaled[1:]
    for found in good:
        yield from found[2:]


def divides(space: SearchSpace, method: MergeMethod) -> bool:
    """Whether weights are divided by their sum, so that their scale says nothing."""
    if method.base != "required":
        return True  # averages of models; with `normalize: false` their scale is no choice either
    normalize = method.parameter("normalize")
    fixed = [value for _, value in fixed_values(space, "normalize")]
    return bool(fixed[0] if fixed else normalize and normalize.default)


def _even(experts: Sequence[str], weight: float) -> dict[str, float]:
    return dict.fromkeys(experts, weight)


def _average(space: SearchSpace, experts: Sequence[str]) -> Iterator[Start]:
    """Yield the uniform average by the first method that has it."""
    share = 1 / max(1, len(experts))
    for name in space.methods:
        if len(experts) < 2 or not method_named(name).parameter(WEIGHT):
            continue
        point = point_near(space, name, WHOLE, _even(experts, share), strict=(WEIGHT,))
        if point is not None:
            exact = _is_average(space, point, experts)
            yield Start(f"{WARM}average" if exact else f"{WARM}equal {share:.2g}", point)
            return


def _is_average(space: SearchSpace, point: Mapping[str, Param], experts: Sequence[str]) -> bool:
    """Whether what is searched and what is fixed make it the average, nothing dropped or scaled."""
    for name, number in {**WHOLE, WEIGHT: 1 / len(experts)}.items():
        found = [(model_of(space, d), point[d.name]) for d in _named(space, point, name)]
        for model, value in [*found, *fixed_values(space, name)]:
            if (model is None or model in experts) and value != number:
                return False
    return True


def _named(space: SearchSpace, point: Mapping[str, Param], name: str) -> list[Dimension]:
    """Return the dimensions of a point that are of one parameter."""
    own = [d for d in space.dimensions if d.name in point and "parameters" in d.site]
    return [d for d in own if parameter_name(d) == name]


def _said(
    space: SearchSpace, point: Mapping[str, Param], name: str, model: str | None = None
) -> str:
    """Return a point's own number of a parameter (of one model) as text, "" if it has none."""
    found = [d for d in _named(space, point, name) if model in (None, model_of(space, d))]
    return f"{point[found[0].name]:.3g}" if found else ""


def _known_good(space: SearchSpace, name: str, experts: Sequence[str]) -> Iterator[Start]:
    """Yield what the method's file declares, else its defaults; equal weights if it says none."""
    method = method_named(name)
    for numbers in method.known_good or ({},):
        parameter = method.parameter(WEIGHT)
        given = numbers.get(WEIGHT, parameter.default if parameter else None)
        share = 1 / max(1, len(experts))
        each = share if given is None or isinstance(given, Required) else float(given)
        weights = _even(experts, each)
        point = point_near(space, name, numbers, weights, strict=(WEIGHT, *numbers))
        if point is not None:
            said = {key: _said(space, point, key) for key in numbers}
            what = ", ".join(f"{key} {value}" for key, value in said.items() if value)
            yield Start(f"{WARM}{name} {what or 'equal'}", point)


def _scaled(space: SearchSpace, experts: Sequence[str]) -> Iterator[Start]:
    """Yield all experts at one scale, method after method in turn."""
    share = 1 / max(1, len(experts))
    for n, scale in enumerate(SCALES):
        names = [m for m in space.methods if not divides(space, method_named(m))]
        for name in _turned(names, n):
            if abs(scale - share) < 0.15 * share or not method_named(name).parameter(WEIGHT):
                continue
            point = point_near(space, name, WHOLE, _even(experts, scale), strict=(WEIGHT,))
            if point is not None:
                yield Start(f"{WARM}equal {_said(space, point, WEIGHT)}", point)
                break
    for n, scale in enumerate(LAMBDAS):
        names = [m for m in space.methods if divides(space, method_named(m))]
        for name in _turned(names, n):
            numbers = {**WHOLE, "lambda": scale}
            point = point_near(space, name, numbers, _even(experts, share), strict=("lambda",))
            if point is not None and (said := _said(space, point, "lambda")):
                yield Start(f"{WARM}lambda {said}", point)
                break


def _leaning(space: SearchSpace, experts: Sequence[str]) -> Iterator[Start]:
    """Yield one expert at a reduced weight, the others at none, or at the rest if weights divide.

    Of a single expert the rest is the base's, where that has a weight (`linear`).
    """
    base = [r for r in space.references if r not in experts]
    alone = len(experts) == 1
    labels = short_names(space.references)
    for n, (expert, weight) in enumerate(
        [(experts[0], w) for w in (0.5, LEANING, 1 - LEANING)]
        if alone
        else [(expert, LEANING) for expert in experts]
    ):
        for name in _turned(space.methods, n):
            method = method_named(name)
            if not method.parameter(WEIGHT) or (alone and not divides(space, method)):
                continue
            others = base if alone else [e for e in experts if e != expert]
            rest = (1 - weight) / max(1, len(others)) if divides(space, method) else 0.0
            point = point_near(space, name, WHOLE, {**_even(others, rest), expert: weight})
            if point is not None:
                said = _said(space, point, WEIGHT, expert)
                yield Start(f"{WARM}{labels[expert]} {said}".rstrip(), point)
                break


def _turned(names: Sequence[str], n: int) -> list[str]:
    """Return the names from the n-th on, round and round."""
    start = n % len(names) if names else 0
    return [*names[start:], *names[:start]]
