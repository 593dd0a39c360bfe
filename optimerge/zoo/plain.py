"""Two merge methods in plain torch on whole state dicts: what the report measures merges with.

Kept apart from optimerge.methods on purpose: the zoo's promises must not hang on the code that
they are to test.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

State = Mapping[str, torch.Tensor]


class Pull(NamedTuple):
    """How one expert enters a merge: its weights, and what of its difference to the base."""

    expert: State
    weight: float
    density: float = 1.0


class Merged(NamedTuple):
    """A merge, and the share of its parameters that differ from the base."""

    state: dict[str, torch.Tensor]
    nonzero: float


def task_arithmetic(base: State, pulls: Sequence[Pull]) -> Merged:
    """Add the experts' weighted differences to the base; densities are not looked at."""
    return _merged(base, {name: sum_of(_deltas(name, base, pulls)) for name in base})


def dare_ties(base: State, pulls: Sequence[Pull], generator: torch.Generator) -> Merged:
    """Thin each difference at random, elect a sign an element, add what agrees with it.

    As mergekit does with `normalize: false, rescale: true, lambda: 1`: the mask keeps `density` of
    a difference and the rest is scaled to the L1 norm of the whole.
    """
    moves = {}
    for name in base:
        deltas = []
        for pull in pulls:
            delta = pull.expert[name] - base[name]
            kept = delta * (torch.rand(delta.shape, generator=generator) < pull.density)
            if pull.density < 1 and (left := float(kept.abs().sum())) > 0:
                kept = kept * (float(delta.abs().sum()) / left)
            deltas.append(pull.weight * kept)
        sign = sum_of(deltas).sign()
        moves[name] = sum_of([delta * (delta.sign() == sign) for delta in deltas])
    return _merged(base, moves)


def sum_of(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the sum of tensors of one shape, in their order."""
    return torch.stack(list(tensors)).sum(0)


def _deltas(name: str, base: State, pulls: Sequence[Pull]) -> list[torch.Tensor]:
    return [pull.weight * (pull.expert[name] - base[name]) for pull in pulls]


def _merged(base: State, moves: State) -> Merged:
    state = {name: base[name] + moves[name] for name in base}
    moved = sum(int((state[name] != base[name]).sum()) for name in base)
    return Merged(state, moved / sum(tensor.numel() for tensor in base.values()))
