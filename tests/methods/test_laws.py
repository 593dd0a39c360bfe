"""Every method of ours keeps the laws."""

import pytest

from optimerge.methods.protocol import MergeMethod
from optimerge.methods.registry import own_methods
from optimerge.testing.methods import MergeMethodLaws

MERGEKIT = """
arcee_fusion breadcrumbs breadcrumbs_ties dare_linear dare_ties della della_linear karcher linear
model_stock multislerp nearswap nuslerp passthrough ram ramplus_tl sce slerp task_arithmetic ties
"""


class TestLaws(MergeMethodLaws):
    @pytest.fixture(params=sorted(own_methods()))
    def method(self, request: pytest.FixtureRequest) -> MergeMethod:
        return own_methods()[request.param]


def test_all_methods_of_mergekit_are_there():
    names = MERGEKIT.split()
    assert sorted(name for name, m in own_methods().items() if m.mergekit) == names


def test_every_method_of_ours_has_a_source() -> None:
    assert all(m.paper for m in own_methods().values())
