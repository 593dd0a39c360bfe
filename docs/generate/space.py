"""What a search space adds to a recipe: the second half of the page of the formats."""

import inspect

from docs.generate.blocks import blocks
from docs.generate.markdown import docstring, heading
from optimerge.space import layer_groups, layer_map, slices

INTRODUCTION = """\
A search space is a recipe with ranges in it, and blocks beside it that say what to
measure and how to search. mergekit ignores those blocks.

```yaml
merge_method: {choices: [dare_ties, ties, task_arithmetic]}
base_model: org/base-7b
models:
  - model: org/math-7b
    parameters: {weight: {low: 0, high: 1}, density: {low: 0.1, high: 1}}
  - model: org/code-7b
    parameters:
      weight: {low: 0, high: 1, layer_groups: 4}
      density: 0.5                           # a plain number is fixed
parameters: {lambda: {low: 0.5, high: 1.5, step: 0.1}}
objectives:
  - {task: gsm8k, search_items: 300, test_items: 500}
  - {sparsity: nonzero}
  - {drift: prompts.txt, at_most: 0.1, optimize: false}
search: {sampler: auto, trials: 200}
```

`optimerge check SPACE` says what is wrong with one; an editor checks and completes it by its JSON
Schema (`optimerge schema`). A parameter that the chosen method does not have is no part of that
candidate. A space that says no dtype is computed in float32, and written in the dtype of the
models.

Whole spaces for real models: [search_spaces](../../search_spaces/README.md). What may stand in
`objectives:` has a [page of its own](objectives.md), as have the [samplers](samplers.md)."""


def space() -> list[str]:
    """Return the blocks of the page."""
    return [
        heading(2, "Search spaces"),
        INTRODUCTION,
        *blocks("space"),
        heading(2, "Layer groups"),
        docstring(inspect.getdoc(layer_groups)),
        heading(2, "Ranges in slices"),
        docstring(inspect.getdoc(slices)),
        heading(2, "Layer maps"),
        docstring(inspect.getdoc(layer_map)),
    ]
