"""What a recipe is, and its keys: the first half of the page of the formats."""

from docs.generate.blocks import blocks

INTRODUCTION = """\
A recipe says one merge: method, models, numbers, dtypes. It is mergekit's YAML, and `mergekit-yaml`
builds it too where it has the method ([methods](methods.md)). A key that is not known is an error
here; mergekit takes it without a word.

```yaml
merge_method: ties
base_model: org/base-7b
models:
  - model: org/math-7b
    parameters:
      weight: 0.6
      density: [0.2, 0.5, 0.2]           # a gradient: from the first layer to the last
  - model: org/code-7b
    parameters:
      weight:
        - {filter: mlp, value: 0.8}      # the tensors whose name contains mlp
        - {value: 0.4}                   # all others
      density: 0.5
parameters: {normalize: true}
dtype: float32
out_dtype: bfloat16
```

A file of at most 1 MB of UTF-8. `optimerge build RECIPE OUT` builds it; model paths are relative to
the recipe's file or, if they are not there, to the current folder. An editor checks and completes
recipes by their JSON Schema (`optimerge schema recipe`). Ranges in place of numbers make it a
[search space](#search-spaces).

## Values of parameters

A parameter's value is one of

| form | means |
| --- | --- |
| `0.5` | the same for all tensors (a number, `true`, `false` or a name, as the parameter asks) |
| `[0.2, 0.5, 0.2]` | a gradient: spread evenly over the layers of a slice, straight lines between |
| `{filter: mlp, value: 0.8}` | for the tensors whose name contains `mlp`; others have none |
| a list of `{filter, value}` | the first that matches a tensor decides |

The value of a filter may be a gradient. `filter: "*"`, or no filter, matches all tensors. Outside
the layers (embeddings, final norm, head) a gradient has its first value. What parameters a method
has, and what is legal, stands with the [methods](methods.md).

A parameter is looked for beside the model (or source) first, then beside the slice, then in the
module, then at the top of the recipe; then it has the method's default."""


def recipe() -> list[str]:
    """Return the blocks of the page."""
    return [INTRODUCTION, *blocks("recipe")]
