"""The method keeps the laws of merge methods, and its own promise."""

from dataclasses import replace

import pytest
from optimerge_example.median import METHOD

from optimerge.methods.protocol import MergeMethod
from optimerge.testing.cases import make_case, near
from optimerge.testing.methods import MergeMethodLaws


class TestMedian(MergeMethodLaws):
    @pytest.fixture
    def method(self) -> MergeMethod:
        return METHOD


def test_one_wild_model_of_three_moves_nothing() -> None:
    case = make_case(METHOD, based=True).having(METHOD.parameters[0], 1.0)
    assert case.base is not None
    tame = case.of((0, 0, 1))
    wild = replace(tame, inputs=(*tame.inputs[:2], tame.inputs[0] + 1e6))
    assert near(METHOD.kernel(wild.group()), tame.inputs[0])
