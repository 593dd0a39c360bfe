"""Where trials come from: all that `Trial.origin` may say.

    base, expert:NAME              a parent, as it is
    warm:NAME                      a point to start from
    sampler                        the sampler's proposal
    random                         a random point in its place: the sampler failed
    soup:NAME+NAME, baseline:NAME  a merge beside the search
    withdrawn                      it was interrupted, or begun twice

And in the study "test":

    base, expert:NAME, baseline:NAME
    trial:7                        a merge of the search
    masks:7:1001                   trial 7 with masks of another seed
    ensemble                       of the parents
"""

BASE, EXPERT = "base", "expert:"
WARM, SAMPLER, RANDOM = "warm:", "sampler", "random"
SOUP, BASELINE = "soup:", "baseline:"
TRIAL, MASKS, ENSEMBLE = "trial:", "masks:", "ensemble"
WITHDRAWN = "withdrawn"


def is_parent(origin: str) -> bool:
    """Whether a trial of that origin is the base or an expert as given."""
    return origin == BASE or origin.startswith(EXPERT)


def parent_name(origin: str) -> str:
    """Return what a parent is called, by its origin.

    >>> parent_name("base"), parent_name("expert:maths")
    ('base', 'maths')
    """
    return origin.removeprefix(EXPERT)
