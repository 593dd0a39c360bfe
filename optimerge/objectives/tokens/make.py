"""Makes a plan by name: flat, level, tree or shared."""

from collections.abc import Sequence
from typing import Any, Literal

from optimerge.objectives.tokens.budget import Budget
from optimerge.objectives.tokens.groups import OVERHEAD, shared_prefixes
from optimerge.objectives.tokens.plan import Group, RowPlan
from optimerge.objectives.tokens.request import Chain, Request
from optimerge.objectives.tokens.rows import flat_rows, tree_rows

Name = Literal["flat", "level", "tree", "shared"]


def make_plan(
    name: Name,
    requests: Sequence[Request],
    model: Any,
    *,
    max_length: int,
    budget: Budget,
    overhead: int = OVERHEAD,
) -> RowPlan:
    """Make a plan of requests for models like `model`, whose weights do not matter.

    flat: a row for each distinct input, as lm-eval. level: flat, and only rows of one length in a
    batch. tree: rows are tries of requests that share enough. shared: trees, after prefixes that
    are run once a candidate if they save `overhead` tokens. Raises CannotMask if the model is
    known not to take masks.
    """
    chains = sorted(Chain.of(each, i, max_length) for i, each in enumerate(requests))
    width = int(model.config.get_text_config().hidden_size)
    if name in ("flat", "level"):
        groups = [Group((), tuple(flat_rows(chains)))]
    elif name == "tree":
        groups = [Group((), tuple(tree_rows(chains, width)))]
    else:
        groups = []
        alone: list[Chain] = []
        for span in shared_prefixes(chains, overhead):
            mates = chains[span.start : span.stop]
            if span.prefix:
                rows = tree_rows(mates, width, span.prefix)
                groups.append(Group(mates[0].inputs[: span.prefix], tuple(rows)))
            else:
                alone += mates
        if alone:
            groups.append(Group((), tuple(tree_rows(alone, width))))
    return RowPlan(name, groups, len(requests), model, budget, level=name == "level")
