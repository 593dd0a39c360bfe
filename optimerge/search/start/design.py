"""The design: the points that a search tries before its sampler is asked, after the parents.

    average            all experts at 1/n, nothing dropped
    METHOD numbers     known-good numbers of each method, as its file declares them
    equal 0.5          all experts at one weight (or `lambda 1.5`, where weights are divided)
    EXPERT 0.7         leaning to one expert
    sobol 1            then a scrambled Sobol sequence, a quarter of the design or what is left

Only points that the space has, each once, no parent among them. The same for every sampler. A pure
function of space, experts, budget and seed, so that a benchmark has it without models.
"""

from collections.abc import Hashable, Mapping, Sequence

from optimerge.records.origins import WARM
from optimerge.search.start.filling import spread_points
from optimerge.search.start.known import Start, known_starts
from optimerge.search.start.parents import parent_points
from optimerge.space.ranges import Param
from optimerge.space.space import SearchSpace

MOST = 12
"""Points of the largest design."""
USUAL = 3
"""Points beside one for each method."""


def design(space: SearchSpace, experts: Sequence[str], budget: int, seed: int) -> list[Start]:
    """Return the points to start from, best guesses first; [] where layers are searched.

    `experts`: references of the experts, in the space's order (see `experts_of`). `budget`:
    finished trials of the whole run, parents included.
    """
    if space.moves_layers or not space.dimensions:
        return []  # most maps of layers are broken models: the sampler learns from the parents
    size = design_size(space, budget)
    seen = {_key(point) for who in (None, *experts) for point in parent_points(space, who)}
    found: list[Start] = []

    def add(start: Start, most: int) -> None:
        if len(found) < most and _key(start.point) not in seen:
            seen.add(_key(start.point))
            found.append(start)

    for start in known_starts(space, experts):
        add(start, size - size // 4)
    known = len(found)
    for point in spread_points(space, seed):
        add(Start(f"{WARM}sobol {len(found) - known + 1}", point), size)
    return found


def design_size(space: SearchSpace, budget: int) -> int:
    """Return how many points a design has at most.

    One for each method and three more, at most 12; no more than two fifths of the budget, and two
    thirds of what the parents leave of it. Neither experts nor dimensions ask for more: a sampler
    that knows the parents, the average and each method once learns more from a trial of its own
    choice than from one of a design (docs/log.md).
    """
    wanted = USUAL + len(space.methods)
    left = budget - len(space.references)
    return max(0, min(MOST, wanted, round(0.4 * budget), left * 2 // 3))


def experts_of(space: SearchSpace) -> tuple[str, ...]:
    """Return the references of the models beside the base, in the space's order."""
    base = space.any_recipe.base_model
    return tuple(reference for reference in space.references if reference != base)


def _key(point: Mapping[str, Param]) -> Hashable:
    # Rounded: a weight that comes from two formulas is one weight.
    return tuple((k, round(v, 9) if isinstance(v, float) else v) for k, v in sorted(point.items()))
