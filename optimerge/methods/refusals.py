"""Numbers that cannot be merged, known before any tensor is read."""

from collections.abc import Callable, Mapping, Sequence
from math import fsum

from optimerge.methods.parameters import flag, real
from optimerge.methods.protocol import Number, Refuse

One = Callable[[Mapping[str, Number], Mapping[str, Number]], str | None]
NEAR_ZERO = 1e-6
"""Sums of weights below this share of their magnitudes are rounding, and would blow up all."""
SMALLEST = 1e-30
"""Sums below this are 0 in float32, or divide to infinity."""


def each_input(refuse: One) -> Refuse:
    """Return a refusal of the inputs that are each refused by `refuse(numbers, shared)`."""

    def first(inputs: Sequence[Mapping[str, Number]], shared: Mapping[str, Number]) -> str | None:
        return next((said for numbers in inputs if (said := refuse(numbers, shared))), None)

    return first


def zero_sum(switch: str, *, least_inputs: int = 1) -> Refuse:
    """Return a refusal of weights that sum to 0 while `switch` divides by their sum.

    Of fewer than `least_inputs` weights the method makes no sum.
    """

    def problem(inputs: Sequence[Mapping[str, Number]], shared: Mapping[str, Number]) -> str | None:
        weights = [real(numbers, "weight") for numbers in inputs]
        if len(weights) < least_inputs:
            return None
        least = max(SMALLEST, NEAR_ZERO * fsum(map(abs, weights)))
        if not flag(shared, switch) or abs(fsum(weights)) >= least:
            return None
        return (
            f"the weights sum to 0, so {switch} would divide by 0; "
            f"change a weight or set {switch}: false"
        )

    return problem
