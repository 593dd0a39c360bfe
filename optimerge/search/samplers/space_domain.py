"""A search space as the domain of a surrogate."""

from optimerge.search.distributions import space_distributions
from optimerge.search.surrogate.domain import Domain
from optimerge.space.families import families
from optimerge.space.points import METHOD
from optimerge.space.space import SearchSpace


def domain_of(space: SearchSpace) -> Domain:
    """Return the domain of a space: its dimensions that are not one point."""
    kept = {name: d for name, d in space_distributions(space).items() if not d.single()}
    switch = METHOD if METHOD in kept else None
    active = (
        {m: frozenset(d.name for d in space.active(m)) & kept.keys() for m in space.methods}
        if switch
        else {}
    )
    own = tuple(tuple(d.name for d in family.members) for family in families(space))
    return Domain(kept, switch, active, own)
