"""The page of the objectives."""

from docs.generate.blocks import key_table
from docs.generate.declared import keys
from docs.generate.markdown import code, docstring, heading, page, prose
from optimerge.objectives.kinds import SCORERS
from optimerge.objectives.sparsity import SparsityScorer
from optimerge.space.objective_kinds.settings import ObjectiveSettings
from optimerge.space.objectives import KINDS, SparsityObjective, TaskObjective

INTRODUCTION = """\
What is measured of every candidate: the list `objectives:` of a [search
space](format.md#search-spaces). The key
that names the kind comes first by custom; it is what tells them apart. Those that are optimised
are the axes of the Pareto front; there may be any number of them.

```yaml
objectives:
  - {task: gsm8k, num_fewshot: 5, search_items: 300, test_items: 500}
  - {perplexity: text.txt, per: byte}
  - {sparsity: nonzero, at_most: 0.5}
  - {drift: prompts.txt, at_most: 0.1, optimize: false}
```

The same may stand in `report:`; that is measured by `optimerge test` alone, and never searched
on."""

EVERY = "Keys of every kind"


def objectives() -> str:
    """Return the page."""
    return page(
        "Objectives",
        INTRODUCTION,
        heading(2, EVERY),
        key_table(keys(ObjectiveSettings)),
        *(text for name, kind in KINDS.items() for text in _section(name, kind)),
    )


def _section(name: str, kind: type[ObjectiveSettings]) -> list[str]:
    unit = prose(kind.unit) or "what is measured says it"
    return [
        heading(2, name),
        docstring(kind.__doc__),
        f"- Better: {direction(kind)}.\n- Unit: {unit}.",
        key_table(sorted(keys(kind, without=ObjectiveSettings), key=lambda k: k.name != name)),
    ]


def direction(kind: type[ObjectiveSettings]) -> str:
    """Return which values of a kind are better, as its declaration says."""
    if kind is TaskObjective:
        return "as lm-eval says of the metric"
    if "direction" in kind.model_fields:
        return f"as {code('direction')} says"
    scorer = SparsityScorer if kind is SparsityObjective else SCORERS[kind]
    words = {"minimize": "smaller values", "maximize": "larger values"}
    return words.get(getattr(scorer, "direction", ""), "what is measured says it")
