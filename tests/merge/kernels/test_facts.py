"""What is remembered of a task vector is what a measurement would say, and is bounded."""

from collections.abc import Sequence
from typing import Literal

import pytest
import torch
from cases import tensors

from optimerge.merge.kernels.compile import compiled
from optimerge.merge.kernels.facts import EPSILONS, WORTH_A_TABLE, Facts, Memory
from optimerge.merge.kernels.places import ranked
from optimerge.merge.kernels.program import Keep, Random, Source
from optimerge.merge.kernels.reference import TorchKernels
from optimerge.methods.protocol import Form


class Counted(TorchKernels):
    """Says which passes were made, and can be told to make a wrong table."""

    def __init__(self, wrong: int = 0) -> None:
        super().__init__()
        self.passes: list[str] = []
        self._wrong = wrong

    def norms(self, *args: object, **more: object) -> tuple[int, int]:
        """Measure."""
        self.passes.append("norms")
        return super().norms(*args, **more)

    def shares(self, *args: object, **more: object) -> torch.Tensor:
        """Make a table."""
        self.passes.append("shares")
        found = super().shares(*args, **more)
        found[100] += self._wrong
        return found


def facts(kernels: TorchKernels, memory: Memory, size: int = WORTH_A_TABLE) -> Facts:
    base, (expert,) = tensors(0, size, 1, torch.bfloat16)
    return Facts(kernels, base, Source(expert), (8, size // 8), "it", 0, "w", 0, memory)


def asked(keeps: Sequence[Keep], kernels: Counted, memory: Memory, size: int) -> bool:
    """Whether all norms are those of a back end that remembers nothing."""
    known, fresh = facts(kernels, memory, size), facts(TorchKernels(), Memory(), size)
    return [known.norms(keep) for keep in keeps] == [fresh.norms(keep) for keep in keeps]


DENSITIES = (0.3, 0.31, 0.5, 0.7, 0.3001)


def test_a_second_density_makes_della_s_table_and_later_ones_read_it() -> None:
    kernels = Counted()
    keeps = [ranked(5, density, 0.15) for density in DENSITIES]
    assert asked(keeps, kernels, Memory(steps=True), WORTH_A_TABLE)
    assert kernels.passes == ["norms", "shares"]


@pytest.mark.parametrize("thin", ["ranked", "random"])
def test_a_candidate_of_a_search_and_its_build_have_the_same_program(
    thin: Literal["ranked", "random"],
) -> None:
    form, searched = Form(thin, elect=True), facts(Counted(), Memory(steps=True))
    for density in DENSITIES:
        numbers = [{"weight": 0.7, "density": density, "epsilon": 0.15}]
        shared = {"normalize": True, "rescale": True, "lambda": 1.0}
        built = facts(TorchKernels(), Memory())
        assert compiled(form, numbers, shared, [searched]) == compiled(
            form, numbers, shared, [built]
        )


def test_dare_has_its_table_from_the_first() -> None:
    kernels = Counted()
    keeps = [Random(5, round(density * 4096) * 16) for density in DENSITIES]
    assert asked(keeps, kernels, Memory(steps=True), WORTH_A_TABLE)
    assert kernels.passes == ["shares"]


@pytest.mark.parametrize(
    ("memory", "size"), [(Memory(), WORTH_A_TABLE), (Memory(steps=True), WORTH_A_TABLE - 8)]
)
def test_a_build_and_small_tensors_make_no_tables(memory: Memory, size: int) -> None:
    kernels = Counted()
    assert asked([ranked(5, d, 0.15) for d in DENSITIES], kernels, memory, size)
    assert kernels.passes == ["norms"] * len(DENSITIES)
    assert not memory.shares


def test_a_search_over_epsilon_makes_and_keeps_few_tables() -> None:
    kernels, memory = Counted(), Memory(steps=True)
    every = [ranked(5, 0.5, 0.1 + 0.01 * n) for n in range(10)]
    assert asked(every, kernels, memory, WORTH_A_TABLE)
    assert kernels.passes == ["norms"] * 10
    assert all(len(tables) <= EPSILONS for tables in memory.shares.values())
    # What was met last is kept, also among others that come but once.
    kernels.passes.clear()
    mixed = [every[0], every[0], every[1], every[0], every[2], every[0]]
    assert asked(mixed, kernels, memory, WORTH_A_TABLE)
    assert kernels.passes == ["norms", "shares", "norms", "norms"]


def test_probabilities_between_the_steps_are_measured() -> None:
    kernels = Counted()
    assert asked([Random(5, 1007)] * 3, kernels, Memory(steps=True), WORTH_A_TABLE)
    assert kernels.passes == ["norms"] * 3


def test_a_fault_in_a_table_is_caught() -> None:
    keeps = [ranked(5, density, 0.15) for density in DENSITIES]
    assert not asked(keeps, Counted(wrong=1), Memory(steps=True), WORTH_A_TABLE)
