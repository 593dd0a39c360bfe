"""Gives the tensors of fine-tunes the names that their base has.

Files saved from the bare model lack a prefix that files of the whole model have: gpt2 on the Hub
holds `h.0.ln_1.weight`, and every fine-tune of it `transformer.h.0.ln_1.weight`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from optimerge.checkpoint.folder import Checkpoint


def with_one_naming(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Return the models with the tensor names of the first, where one prefix is all they lack.

    A model whose names differ in another way is returned as it is: `check_fit` refuses it.
    """
    return [*checkpoints[:1], *(with_names_of(checkpoints[0], c) for c in checkpoints[1:])]


def with_names_of(first: Checkpoint, other: Checkpoint) -> Checkpoint:
    """Return `other` with the names of `first`, if adding or dropping one prefix gives them."""
    ours, theirs = set(first.tensors), set(other.tensors)
    if ours == theirs:
        return other
    renamed = _renamed(theirs, ours - theirs, theirs - ours)
    if renamed is None:
        return other
    return replace(other, tensors={renamed.get(n, n): i for n, i in other.tensors.items()})


def _renamed(names: set[str], wanted: set[str], odd: set[str]) -> Mapping[str, str] | None:
    """Return the new names of the `odd` ones; None if they are not a prefix away.

    An odd name that no prefix turns into a wanted one stays: it may be a constant of one file.
    """
    prefixes = {name.partition(".")[0] + "." for name in (*wanted, *odd) if "." in name}
    for prefix in sorted(prefixes):
        added = {name: prefix + name for name in odd if prefix + name in wanted}
        dropped = {name: name.removeprefix(prefix) for name in odd if name.startswith(prefix)}
        dropped = {old: new for old, new in dropped.items() if new in wanted}
        for found in (added, dropped):
            if found and len(set(found.values()) | (names - found.keys())) == len(names):
                return found
    return None
