"""The recipe as a card shows it: what it means, without what is only this machine's.

Folders go by their last part, tokens and passwords are taken out.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimerge.recipe.block import OptimergeBlock
from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import recipe_text, with_references
from optimerge.records.secrets import redacted_text

_PATH = re.compile(r"(?<![\w:/.<])(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][^\s/\\'\"<>|:*?]+)+[/\\]?")
"""A path of some machine in a text; not the rest of a URL, nor a fraction."""


def clean_recipe(recipe: Recipe, shown: Mapping[str, str]) -> Recipe:
    """Return the recipe for others to read; `shown`: what each reference is called there."""
    places = dict(shown)
    wanted = recipe.output_tokenizer
    if wanted and wanted.source not in ("base", "union"):
        places.setdefault(wanted.source, without_paths(wanted.source))
    block = _clean_block(recipe.block, places) if recipe.optimerge else None
    return with_references(recipe.model_copy(update={"optimerge": block}), places)


def clean_text(recipe: Recipe) -> str:
    """Return a clean recipe as YAML text, its secrets taken out."""
    return redacted_text(recipe_text(recipe))


def _clean_block(block: OptimergeBlock, places: Mapping[str, str]) -> OptimergeBlock:
    data: dict[str, Any] = {
        **block.model_dump(exclude_none=True, exclude_defaults=True),
        "statistics": {
            places.get(model, without_paths(model)): Path(folder).name
            for model, folder in block.statistics.items()
        },
        "parents": {
            places.get(reference, without_paths(reference)): parent.model_dump(
                exclude_none=True,
                exclude={"given"},  # what a space calls it may be a path
            )
            for reference, parent in block.parents.items()
        },
    }
    for name in ("command", "run", "trial"):
        if isinstance(data.get(name), str):
            data[name] = without_paths(data[name])
    return OptimergeBlock.model_validate(data)


def without_paths(text: str) -> str:
    """Return a text whose paths are cut to their last part.

    >>> without_paths("optimerge build /home/me/r/recipe.yaml merged --seed 1")
    'optimerge build recipe.yaml merged --seed 1'
    >>> without_paths("../models/math-7b"), without_paths("org/math-7b")
    ('math-7b', 'org/math-7b')
    """
    return _PATH.sub(lambda found: re.split(r"[/\\]", found[0].rstrip("/\\"))[-1], text)
