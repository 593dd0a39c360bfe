"""Every law catches a method that breaks it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from optimerge.methods.parameters import DENSITY, LAMBDA, WEIGHT, real
from optimerge.methods.protocol import Kernel, MergeMethod, Number, Parameter, TensorGroup
from optimerge.methods.registry import method_named
from optimerge.testing.cases import bases, make_case
from optimerge.testing.methods import MergeMethodLaws

ADD = method_named("task_arithmetic")
PLANTS: dict[str, tuple[str, MergeMethod]] = {}


def plant(law: str, of: MergeMethod = ADD, **declared: object) -> Callable[[Kernel], Kernel]:
    """Register a kernel as a method that must break the named law."""

    def register(kernel: Kernel) -> Kernel:
        PLANTS[kernel.__name__] = law, replace(of, kernel=kernel, **declared)
        return kernel

    return register


def moved(group: TensorGroup) -> Tensor:
    """Do what a sound method does."""
    return ADD.kernel(group)


FISHER = method_named("fisher")


@plant("statistics_matter_if_declared", of=FISHER)
def measures_for_nothing(group: TensorGroup) -> Tensor:
    return torch.stack(group.inputs).mean(dim=0)


@plant("statistics_matter_if_declared", of=method_named("regmean"))
def takes_the_inputs_for_the_outputs(group: TensorGroup) -> Tensor:
    (grams,) = group.statistics.values()
    found = [g.values for g in grams if g]
    pulls = sum(
        x @ g if x.shape[-1] == len(g) else x.t() @ g
        for x, g in zip(group.inputs, found, strict=True)
    )
    solved = torch.linalg.solve(sum(found), pulls.t())
    return solved.t().reshape(group.inputs[0].shape)


@plant("a_tensor_without_statistics_is_merged_too", of=FISHER)
def trusts_unknown_models_twice(group: TensorGroup) -> Tensor:
    factors = [2.0 if s is None else 1.0 for s in group.statistics["fisher"]]
    return sum(f * x for f, x in zip(factors, group.inputs, strict=True)) / len(factors)


@plant("leaves_its_inputs_alone")
def writes_its_input(group: TensorGroup) -> Tensor:
    group.inputs[-1].sub_(group.base).mul_(0.5)
    return moved(group)


@plant("order_of_inputs_does_not_matter")
def trusts_the_first_input_more(group: TensorGroup) -> Tensor:
    return moved(group) + 0.1 * (group.inputs[0] - group.base)


@plant("locality_is_as_declared")
def centres_the_tensor_but_says_entry(group: TensorGroup) -> Tensor:
    change = moved(group) - group.base
    return group.base + change - change.mean()


@plant("locality_is_as_declared", locality="row")
def centres_columns_but_says_row(group: TensorGroup) -> Tensor:
    change = moved(group) - group.base
    return group.base + change - change.mean(dim=0)


@plant("keeps_shape_dtype_and_device")
def changes_the_dtype(group: TensorGroup) -> Tensor:
    return moved(group).double()


@plant("keeps_shape_dtype_and_device")
def flattens(group: TensorGroup) -> Tensor:
    return moved(group).reshape(-1)


@plant("keeps_shape_dtype_and_device")
def divides_by_nothing_for_one_entry(group: TensorGroup) -> Tensor:
    return moved(group) * ((group.base.numel() - 1) / torch.tensor(group.base.numel() - 1))


@plant("a_model_with_weight_0_counts_for_nothing")
def averages_instead_of_adding(group: TensorGroup) -> Tensor:
    return group.base + (moved(group) - group.base) / len(group.inputs)


@plant("leaves_the_global_random_state_alone")
def draws_from_the_global_stream(group: TensorGroup) -> Tensor:
    return moved(group) + 0 * torch.rand(1)


@plant("seed_decides_all_that_is_random")
def draws_without_saying_so(group: TensorGroup) -> Tensor:
    return moved(group) * group.select.random(0, group.base, 0.5)


@plant("seed_decides_all_that_is_random", stochastic=True)
def says_random_and_is_not(group: TensorGroup) -> Tensor:
    return moved(group)


@plant("returns_a_tensor_of_its_own")
def returns_an_input(group: TensorGroup) -> Tensor:
    return group.inputs[0] if len(group.inputs) == 1 else moved(group)


@plant("returns_a_tensor_of_its_own")
def returns_a_view_of_the_base(group: TensorGroup) -> Tensor:
    return group.base.view(group.base.shape)


@plant("what_is_worth_searching_changes_the_result")
def ignores_lambda(group: TensorGroup) -> Tensor:
    return moved(replace(group, shared={**group.shared, "lambda": 1.0}))


@plant("what_is_worth_searching_changes_the_result", parameters=(WEIGHT, DENSITY, LAMBDA))
def ignores_density(group: TensorGroup) -> Tensor:
    return moved(replace(group, shared={"normalize": False, **group.shared}))


@plant("inputs_equal_to_the_base_change_nothing")
def scales_the_base_too(group: TensorGroup) -> Tensor:
    return real(group.shared, "lambda") * moved(group)


@plant("strides_do_not_matter")
def reads_memory_in_order(group: TensorGroup) -> Tensor:
    change = group.inputs[0] - group.base
    return group.base + change.as_strided(change.shape, torch.empty(change.shape).stride())


@plant("legal_extremes_give_finite_numbers")
def divides_by_the_density(group: TensorGroup) -> Tensor:
    density = torch.tensor(real(group.numbers[0], "density"))
    return group.base + (moved(group) - group.base) / density


def refuse_negative(
    inputs: Sequence[Mapping[str, Number]], shared: Mapping[str, Number]
) -> str | None:
    return "negative" if any(real(numbers, "weight") < 0 for numbers in inputs) else None


@plant("legal_extremes_give_finite_numbers", refuse=refuse_negative)
def merges_what_it_refuses(group: TensorGroup) -> Tensor:
    return moved(group)


POWER = Parameter("power", "of the weights", default=1.0, low=0.0, usual=(0.0, 2.0))


@plant("a_model_with_weight_0_counts_for_nothing", parameters=(WEIGHT, POWER))
def counts_all_alike_at_power_0(group: TensorGroup) -> Tensor:
    shares = [real(n, "weight") ** real(group.shared, "power") for n in group.numbers]
    return sum(w * x for w, x in zip(shares, group.inputs, strict=True)) / sum(shares)


@plant("defaults_and_usual_ranges_are_legal", parameters=(WEIGHT, replace(DENSITY, default=2.0)))
def has_an_illegal_default(group: TensorGroup) -> Tensor:
    return moved(group)


@plant("says_what_it_is", parameters=(Parameter("weight", "", per_input=True),))
def explains_nothing(group: TensorGroup) -> Tensor:
    """Do something."""
    return moved(group)


@plant("says_what_it_is", formula=())
def has_no_formula(group: TensorGroup) -> Tensor:
    """Do something."""
    return moved(group)


@plant("says_what_it_is", use="")
def is_of_no_known_use(group: TensorGroup) -> Tensor:
    """Do something."""
    return moved(group)


@plant("importing_it_does_not_import_torch")
def imports_torch(group: TensorGroup) -> Tensor:
    return moved(group)


imports_torch.__module__ = "optimerge.testing.methods"  # a module that does


@pytest.mark.parametrize("name", PLANTS)
def test_plant_is_caught_by_its_law(name: str):
    law, method = PLANTS[name]
    test = getattr(MergeMethodLaws(), f"test_{law}")
    given = {"method": method, "cases": [make_case(method, based=b) for b in bases(method)]}
    with pytest.raises(AssertionError):
        test(**{k: v for k, v in given.items() if k in inspect.signature(test).parameters})


def test_every_law_has_a_plant():
    laws = {name for name in vars(MergeMethodLaws) if name.startswith("test_")}
    assert {f"test_{law}" for law, _ in PLANTS.values()} == laws
