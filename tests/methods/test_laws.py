"""Every method of ours keeps the laws."""

import pytest

from optimerge.methods.protocol import MergeMethod
from optimerge.methods.registry import all_methods
from optimerge.testing.methods import MergeMethodLaws

MERGEKIT = """
arcee_fusion breadcrumbs breadcrumbs_ties dare_linear dare_ties della della_linear karcher linear
model_stock multislerp nearswap nuslerp passthrough ram ramplus_tl sce slerp task_arithmetic ties
"""


class TestLaws(MergeMethodLaws):
    @pytest.fixture(params=sorted(all_methods()))
    def method(self, request: pytest.FixtureRequest) -> MergeMethod:
        return all_methods()[request.param]


def test_all_methods_of_mergekit_are_there():
    names = MERGEKIT.split()
    assert sorted(name for name, m in all_methods().items() if m.mergekit) == names
