"""Bands of magnitudes: what keeps everything, what keeps nothing, and where draws decide."""

import torch

from optimerge.merge.kernels.magnitudes import magnitudes
from optimerge.merge.kernels.program import LEVELS, NOTHING, Band, Source
from optimerge.merge.kernels.reference import TorchKernels


def test_all_entries_and_none_have_codes_of_their_own() -> None:
    values = torch.tensor([0.0, 1.0, -2.0, 4.0])
    found = magnitudes(TorchKernels().magnitudes(torch.zeros(4), Source(values)))
    assert found.size == 4
    assert [found.code(keep) for keep in (4, 5)] == [0, 0]
    assert [found.code(keep) for keep in (0, -1)] == [NOTHING, NOTHING]
    codes = [found.code(keep) for keep in (1, 2, 3)]
    assert codes == sorted(codes, reverse=True)
    assert all(0 < code < NOTHING for code in codes)


def test_draws_decide_only_within_a_bin() -> None:
    assert not Band(0, 0).draws
    assert not Band(0, LEVELS, 3 * LEVELS).draws
    assert not Band(0, LEVELS, NOTHING).draws
    assert Band(0, LEVELS + 1).draws
    assert Band(0, LEVELS, 3 * LEVELS + 1).draws
