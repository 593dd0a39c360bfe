"""Notes that optuna-dashboard shows beside a trial, where it looks at the same storage.

It keeps them as system attributes of the study, in pieces that fit a database's column; so the
package is not needed to write them.
"""

import re
from collections.abc import Mapping

from optimerge.records.origins import parent_name
from optimerge.records.types import Score

LONGEST = 16_000
"""Characters of a recipe up to which a note carries it; an exported one has any length."""
_PIECE = 2045


def trial_note(number: int | None, origin: str, recipe: str, scores: Mapping[str, Score]) -> str:
    """Return a trial's note, in Markdown: its scores with their errors, its recipe, the command.

    `number`: None for a parent, which is known by its name.

    >>> print(trial_note(7, "sampler", "merge_method: ties\\n", {}))
    From: sampler. To export it: `optimerge export RUN --trial 7 -o recipe.yaml`
    <BLANKLINE>
    ```yaml
    merge_method: ties
    ```
    """
    name = parent_name(origin) if number is None else number
    command = f"`optimerge export RUN --trial {name} -o recipe.yaml`"
    said = [f"- {name}: {_with_error(score)}" for name, score in scores.items()]
    if len(recipe) > LONGEST:
        text = f"The recipe has {len(recipe):,} characters, too many for a note: export it."
    else:
        fence = max(["``", *re.findall("`+", recipe)], key=len) + "`"  # longer than any inside
        text = f"{fence}yaml\n{recipe.rstrip()}\n{fence}"
    blocks = [f"From: {origin}. To export it: {command}", "\n".join(said), text]
    return "\n\n".join(block for block in blocks if block)


def note_attributes(trial_id: int, note: str) -> dict[str, int | str]:
    """Return the study's system attributes that hold a trial's note.

    >>> note_attributes(3, "text")
    {'dashboard:3:note_ver': 1, 'dashboard:3:note_str:0': 'text'}
    """
    starts = range(0, len(note), _PIECE)
    pieces = {
        f"dashboard:{trial_id}:note_str:{n}": note[s : s + _PIECE] for n, s in enumerate(starts)
    }
    return {f"dashboard:{trial_id}:note_ver": 1, **pieces}


def _with_error(score: Score) -> str:
    if not score.stderr:
        return f"{score.value:.4g}"
    return f"{score.value:.4f} ± {score.stderr:.4f}"
