"""Turns a tensor's plan into the program of the fused kernels.

The rules are those of `methods.sparsify` and `methods.task_vectors`; the numbers are rounded to
float32 here, once, for all back ends.
"""

from collections.abc import Mapping, Sequence
from ctypes import c_float

from optimerge.merge.kernels.facts import Facts
from optimerge.merge.kernels.places import ranked
from optimerge.merge.kernels.program import (
    LEVELS,
    NOTHING,
    STEPS,
    Band,
    Keep,
    Program,
    Random,
    Term,
    Whole,
)
from optimerge.methods.parameters import flag, real
from optimerge.methods.protocol import Form, Number
from optimerge.methods.sparsify import SMALL_NORM
from optimerge.methods.task_vectors import SMALL_DIVISOR


def compiled(
    form: Form,
    numbers: Sequence[Mapping[str, Number]],
    shared: Mapping[str, Number],
    facts: Sequence[Facts],
) -> Program:
    """Return the program of one tensor.

    Args:
        form: The method's form.
        numbers: Per-input parameters, defaults filled in.
        shared: Shared parameters, defaults filled in.
        facts: What is known of each input's task vector; not looked at by linear forms.
    """
    weights = [_float32(real(one, "weight")) for one in numbers]
    normalize = flag(shared, "normalize")
    if form.linear:
        terms = tuple(Term(weight) for weight in weights)
        return Program(terms, linear=True, divisor=_sum(weights) if normalize else 1.0)
    terms = tuple(
        _term(form, weight, one, flag(shared, "rescale"), fact)
        for weight, one, fact in zip(weights, numbers, facts, strict=True)
    )
    divisor = 1.0
    if normalize and not form.elect:
        total = _sum(weights)
        divisor = total if abs(total) >= SMALL_DIVISOR else 1.0
    factor = _float32(real(shared, "lambda"))
    return Program(terms, False, form.elect, normalize and form.elect, divisor, factor)


def _term(
    form: Form, weight: float, numbers: Mapping[str, Number], rescale: bool, facts: Facts
) -> Term:
    keep = _keep(form, numbers, facts)
    if not rescale or isinstance(keep, Whole):
        return Term(weight, keep)
    return Term(weight, keep, rescaled(*facts.norms(keep)))


def rescaled(unit: int, before: int, after: int) -> float:
    """Return the scale that gives a thinned task vector its norm again; arguments: `Facts.norms`.

    1 where there is next to nothing.
    """
    if min(before, after) * 2.0**-unit < SMALL_NORM:
        return 1.0
    return _float32(before / after)


def _keep(form: Form, numbers: Mapping[str, Number], facts: Facts) -> Keep:
    if form.thin == "whole":
        return Whole()
    density = real(numbers, "density")
    if density >= 1:
        return Whole()
    if form.thin == "random":
        steps = max(1, round(density * STEPS)) if density > 0 else 0
        return Random(facts.key("mask"), steps * (LEVELS // STEPS))
    if form.thin == "ranked":
        if density <= 0:
            return Band(facts.key("ties"), NOTHING)
        return ranked(facts.key("mask"), density, real(numbers, "epsilon"))
    if form.thin == "largest":
        return _largest(density, facts)
    count = facts.size
    keep = int(density * count)
    outliers = int(real(numbers, "gamma") * count)
    rest = count - max(0, count - keep - outliers)
    low, high = facts.code(rest), facts.code(rest - keep)
    return Band(facts.key("ties"), low, high)


def _largest(density: float, facts: Facts) -> Keep:
    if density <= 0:
        return Band(facts.key("ties"), NOTHING)
    return Band(facts.key("ties"), facts.code(max(1, int(density * facts.size))))


def _float32(value: float) -> float:
    """Round to float32; what becomes infinite is refused when merged, with the tensor's name."""
    return c_float(value).value


def _sum(values: Sequence[float]) -> float:
    """Add in float32, in order: of two float32 numbers, a float64 sum rounds to the float32 one."""
    total = 0.0
    for value in values:
        total = _float32(total + value)
    return total
