"""The laws of merge methods, as a pytest class to inherit.

    from optimerge.testing.methods import MergeMethodLaws

    class TestMine(MergeMethodLaws):
        @pytest.fixture
        def method(self) -> MergeMethod:
            return METHOD

A law that does not apply to the declared traits passes. Nothing but the declaration says which
laws apply, so a method that passes here with the wrong traits declared is merely slow.
"""

import random
import sys
from dataclasses import replace

import pytest
import torch

from optimerge.errors import MethodError
from optimerge.methods.protocol import MergeMethod
from optimerge.testing.cases import (
    SHAPES,
    Case,
    at_usual_ends,
    bases,
    extremes,
    make_case,
    near,
    ordinary,
    refused,
)
from optimerge.testing.processes import heavy_imports
from optimerge.testing.statistics import chosen, unknown


class MergeMethodLaws:
    """What every merge method must keep to; give the fixture `method`."""

    @pytest.fixture
    def cases(self, method: MergeMethod) -> list[Case]:
        """Give an ordinary matrix to merge, for each way in which the method may be used."""
        return [make_case(method, based=based) for based in bases(method)]

    def test_keeps_shape_dtype_and_device(self, method: MergeMethod) -> None:
        """A merged tensor looks like its inputs, also with one entry or three dimensions.

        It may come in float32, if the method computes the end in it: who writes it rounds it.
        """
        for based in bases(method):
            for shape in SHAPES:
                for dtype in (torch.float32, torch.bfloat16):
                    for device in ("cpu", *(("cuda",) if torch.cuda.is_available() else ())):
                        case = make_case(method, shape, dtype, based=based, device=device)
                        merged = method.kernel(case.group())
                        assert merged.shape == shape
                        assert merged.dtype in (dtype, torch.float32)
                        assert merged.device.type == device
                        assert merged.isfinite().all()

    def test_leaves_its_inputs_alone(self, method: MergeMethod, cases: list[Case]) -> None:
        """A kernel writes to none of the tensors that it is given."""
        for case in cases:
            before = [tensor.clone() for tensor in case.tensors()]
            method.kernel(case.group())
            assert all(map(torch.equal, before, case.tensors()))

    def test_returns_a_tensor_of_its_own(self, method: MergeMethod, cases: list[Case]) -> None:
        """Writing to the result must not write to a model, whatever the numbers."""
        for case in cases:
            held = {tensor.untyped_storage().data_ptr() for tensor in case.tensors()}
            for order in {(0,) * (method.least_inputs < 2), tuple(range(len(case.inputs)))}:
                if len(order) >= method.least_inputs:
                    merged = method.kernel(case.of(order).group())
                    assert merged.untyped_storage().data_ptr() not in held

    def test_strides_do_not_matter(self, method: MergeMethod, cases: list[Case]) -> None:
        """A transposed view is merged as a copy of it is."""
        for case in cases:
            views = case.turned()
            copied = replace(
                views,
                base=None if views.base is None else views.base.contiguous(),
                inputs=tuple(x.contiguous() for x in views.inputs),
            )
            assert near(method.kernel(views.group()), method.kernel(copied.group()))

    def test_inputs_equal_to_the_base_change_nothing(
        self, method: MergeMethod, cases: list[Case]
    ) -> None:
        """Models that learned nothing merge to the base."""
        for case in cases:
            if case.base is not None:
                same = replace(case, inputs=(case.base.clone(),) * len(case.inputs))
                assert near(method.kernel(same.group()), case.base)

    def test_order_of_inputs_does_not_matter(self, method: MergeMethod, cases: list[Case]) -> None:
        """If it is declared symmetric: models may be listed in any order, with their numbers."""
        for case in cases if method.symmetric else ():
            backwards = case.of(range(len(case.inputs))[::-1])
            assert near(method.kernel(backwards.group()), method.kernel(case.group()))

    def test_a_model_with_weight_0_counts_for_nothing(
        self, method: MergeMethod, cases: list[Case]
    ) -> None:
        """A model that is listed with weight 0 might as well not be listed."""
        weight = method.parameter("weight")
        for case in cases if weight and weight.per_input else ():
            if 2 < len(case.inputs) > method.least_inputs:
                order = range(len(case.inputs))
                for named, each in at_usual_ends(method, case):
                    silent = each.having(weight, 0.0, first=True) if weight else each
                    if not refused(method, silent):
                        absent = method.kernel(each.of(order[1:]).group())
                        assert near(method.kernel(silent.group()), absent), named

    def test_statistics_matter_if_declared(self, method: MergeMethod, cases: list[Case]) -> None:
        """What a method makes people measure changes its result; a transpose merges alike."""
        for case in cases if method.statistics else ():
            merged = method.kernel(case.group())
            others = chosen(case.statistics, tuple(range(len(case.inputs)))[::-1])
            assert not near(method.kernel(replace(case, statistics=others).group()), merged)
            assert near(method.kernel(case.turned().group()), merged.t())

    def test_a_tensor_without_statistics_is_merged_too(
        self, method: MergeMethod, cases: list[Case]
    ) -> None:
        """Calibration knows nothing of some tensors: the laws above hold for them too."""
        for case in cases if method.statistics else ():
            for index in range(len(case.inputs)):
                blind = replace(case, statistics=unknown(case.statistics, index))
                merged = method.kernel(blind.group())
                backwards = blind.of(range(len(case.inputs))[::-1])
                assert near(method.kernel(backwards.group()), merged) or not method.symmetric
                same = replace(blind, inputs=(case.inputs[0],) * len(case.inputs))
                assert near(method.kernel(same.group()), case.inputs[0])

    def test_locality_is_as_declared(self, method: MergeMethod, cases: list[Case]) -> None:
        """A merge in parts gives the parts of the merge: of entries, or of rows."""
        flat = method.locality == "entry"
        for case in cases if method.locality != "tensor" else ():
            merged = method.kernel(case.group())
            whole = merged.reshape(-1) if flat else merged
            # Random masks go by position, so a part must begin where the tensor begins.
            for part in (slice(0, 5), *(() if method.stochastic else (slice(5, 9),))):
                found = method.kernel(case.cut(part, flat=flat).group())
                assert near(found, whole[part])

    def test_seed_decides_all_that_is_random(self, method: MergeMethod, cases: list[Case]) -> None:
        """One seed gives one result; another seed another one, if declared stochastic."""
        for case in cases:
            first, again = method.kernel(case.group()), method.kernel(case.group())
            other = method.kernel(replace(case, seed=1).group())
            assert torch.equal(first, again)
            assert torch.equal(first, other) != method.stochastic

    def test_leaves_the_global_random_state_alone(
        self, method: MergeMethod, cases: list[Case]
    ) -> None:
        """Nobody else's random numbers change because something was merged."""
        for case in cases:
            before = torch.get_rng_state(), random.getstate()
            method.kernel(case.group())
            assert torch.equal(torch.get_rng_state(), before[0])
            assert random.getstate() == before[1]

    def test_legal_extremes_give_finite_numbers(self, method: MergeMethod) -> None:
        """What is legal and not refused can be merged, or is a MethodError: never a NaN."""
        for based in bases(method):
            for shape in SHAPES:
                ordinary_case = make_case(method, shape, based=based)
                for parameter in method.parameters:
                    for value in extremes(parameter):
                        case = ordinary_case.having(parameter, value)
                        try:
                            merged = method.kernel(case.group())
                        except MethodError:
                            continue
                        assert merged.isfinite().all(), (parameter.name, value, shape)
                        assert not refused(method, case), "refused, but merged"

    def test_what_is_worth_searching_changes_the_result(
        self, method: MergeMethod, cases: list[Case]
    ) -> None:
        """A parameter with a usual range is worth a dimension of a search."""
        for case in cases:
            for parameter in method.parameters:
                if parameter.usual is not None:
                    settings = [
                        case.having(parameter, ordinary(parameter, share), first=True)
                        for share in (0, 0.5, 1)
                    ]
                    results = [method.kernel(s.group()) for s in settings if not refused(method, s)]
                    assert len(results) > 1, f"{parameter.name}: its usual range is refused"
                    assert not torch.equal(results[0], results[-1]), parameter.name

    def test_defaults_and_usual_ranges_are_legal(self, method: MergeMethod) -> None:
        """What a recipe leaves out, and what a search proposes, can be merged."""
        for p in method.parameters:
            proposed = [*(p.usual or ()), *(() if p.required else (p.default,))]
            numbers = [v for v in proposed if isinstance(v, int | float)]
            assert all(p.low <= v <= p.high for v in numbers), p.name
            assert (
                p.required
                or p.default is None
                or isinstance(p.default, bool) == (p.kind == "boolean")
            )
        case = make_case(method, based=bases(method)[0])
        for p in method.parameters:
            if not p.required:
                case = case.having(p, p.default)  # type: ignore[arg-type]  # not required: a Number
        assert not refused(method, case)

    def test_says_what_it_is(self, method: MergeMethod) -> None:
        """A reader finds what it does, its formula, source and use, and what parameters mean."""
        assert sys.modules[method.kernel.__module__].__doc__
        assert method.kernel.__doc__
        assert method.summary
        assert method.formula, "say what it computes, in lines of LaTeX"
        assert all(line.strip() for line in method.formula), "a line of the formula is empty"
        assert method.use.endswith("."), "say when to take it, in sentences"
        assert not method.paper or method.paper.startswith("https://"), 'give its URL, or ""'
        assert all(p.help for p in method.parameters)
        assert len({p.name for p in method.parameters}) == len(method.parameters)

    def test_importing_it_does_not_import_torch(self, method: MergeMethod) -> None:
        """Listing methods and checking recipes is quick."""
        assert "torch" not in heavy_imports(method.kernel.__module__)
