"""The parameters that several merge methods share, declared once, and how kernels read them."""

from collections.abc import Mapping
from dataclasses import replace

from optimerge.methods.protocol import Number, Parameter

WEIGHT = Parameter(
    "weight",
    "how much of this model goes in; negative weights subtract it",
    per_input=True,
    usual=(0.0, 1.0),
)
DENSITY = Parameter(
    "density",
    "share of the task vector's entries that are kept",
    default=1.0,
    per_input=True,
    low=0.0,
    high=1.0,
    usual=(0.05, 1.0),
)
GAMMA = Parameter(
    "gamma",
    "share of the entries that are dropped as outliers, the largest ones",
    default=0.01,
    per_input=True,
    low=0.0,
    high=1.0,
    usual=(0.0, 0.05),
)
EPSILON = Parameter(
    "epsilon",
    "how far the probability of an entry may lie from the density, by its rank in the row",
    default=0.15,
    per_input=True,
    low=0.0,
    high=0.5,
    usual=(0.0, 0.2),
)
LAMBDA = Parameter("lambda", "factor on the merged task vector", default=1.0, usual=(0.5, 1.5))
NORMALIZE = Parameter(
    "normalize", "divide by the sum of the weights", default=False, kind="boolean"
)
RESCALE = Parameter(
    "rescale",
    "after dropping entries, scale the rest to the L1 norm of the whole task vector",
    default=False,
    kind="boolean",
)
INT8_MASK = Parameter(
    "int8_mask",
    "mergekit's dtype for a temporary; accepted, changes no result",
    default=False,
    kind="boolean",
)


def task_arithmetic(*, normalize: bool, rescale: bool) -> tuple[Parameter, ...]:
    """Return the parameters of the task-arithmetic family with a method's own defaults."""
    return (
        WEIGHT,
        DENSITY,
        replace(NORMALIZE, default=normalize),
        replace(RESCALE, default=rescale),
        LAMBDA,
        INT8_MASK,
    )


def real(numbers: Mapping[str, Number], name: str) -> float:
    """Return a parameter that always has a value, as a float."""
    value = numbers[name]
    if value is None:
        raise TypeError(f"parameter {name} has no value")
    return float(value)


def flag(numbers: Mapping[str, Number], name: str) -> bool:
    """Return a yes-or-no parameter."""
    return bool(numbers[name])
