"""Our kernels against the real mergekit on random tensors and numbers; skipped without it.

In an environment that has mergekit 0.1.5 beside the test dependencies:

    python -m pytest tests/methods/test_against_mergekit.py -W ignore
"""

import random
import sys

import pytest
import torch

from optimerge.errors import MethodError
from optimerge.merge.selection.exact import ExactSelection
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.registry import all_methods

from .golden import FOLDER

pytest.importorskip("mergekit")
SHAPES = ((1,), (33,), (17, 12), (40, 600), (5, 3, 7), (1, 9), (9, 1), (1, 1), (4, 514))
TRIALS = 60


def draw(parameter: Parameter, dice: random.Random) -> float | int | bool | None:
    if parameter.kind == "boolean":
        return dice.random() < 0.5
    if parameter.kind == "integer":
        return dice.choice((0, 1, 3, 10))
    if parameter.default is None and dice.random() < 0.5:
        return None
    corners = [v for v in (parameter.low, parameter.high) if abs(v) < 10]
    if not parameter.required and parameter.default is not None:
        corners.append(parameter.default)
    if corners and dice.random() < 0.3:
        return dice.choice(corners)
    low, high = parameter.usual or (-0.5, 1.5)
    return round(dice.uniform(low, high), 3)


def make(method: MergeMethod, dice: random.Random, stream: torch.Generator):
    shape = dice.choice(SHAPES)
    dtype = dice.choice((torch.float32, torch.bfloat16))
    count = dice.randint(method.least_inputs, method.most_inputs or 4)
    count = max(count, 1 if method.base == "ignored" else count)
    base = torch.randn(shape, generator=stream)
    inputs = []
    for _ in range(count):
        scale = dice.choice((0.003, 0.1, 2.0))
        kept = torch.rand(shape, generator=stream) < dice.choice((0.5, 1.0))
        inputs.append((base + scale * torch.randn(shape, generator=stream) * kept).to(dtype))
    based = method.base == "required" or (method.base == "optional" and dice.random() < 0.5)
    numbers = tuple({p.name: draw(p, dice) for p in method.per_input} for _ in inputs)
    shared = {p.name: draw(p, dice) for p in method.shared}
    select = ExactSelection(torch.Generator().manual_seed(9))
    return TensorGroup(base.to(dtype) if based else None, tuple(inputs), numbers, shared, select)


def theirs(name: str, group: TensorGroup) -> torch.Tensor:
    sys.path.insert(0, str(FOLDER))
    from make_digests import stable_sorts
    from mergekit import merge_methods
    from mergekit.merge_methods.base import TensorGroup as Group

    tensors = group.inputs if group.base is None else (*group.inputs, group.base)
    base_index = None if group.base is None else len(group.inputs)
    spec = merge_methods.get(name).spec
    per_input = {
        p.name: dict(enumerate(n[p.name] for n in group.numbers)) for p in spec.input_parameters
    }
    with stable_sorts(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)  # noqa: TID251  # what mergekit does
        (merged,) = merge_methods.get(name)(
            (Group.from_tensors(tensors, base_index=base_index),),
            parameters={**group.shared, **per_input},
        )
    return merged.to(tensors[0].dtype)


@pytest.mark.parametrize("name", sorted(n for n, m in all_methods().items() if m.mergekit))
def test_random_merges_equal_mergekit(name: str):
    method, dice, stream = all_methods()[name], random.Random(name), torch.Generator()
    compared = 0
    for trial in range(TRIALS):
        group = make(method, dice, stream.manual_seed(trial))
        refuse = method.refuse
        if refuse and refuse(group.numbers, group.shared):
            continue
        try:
            ours = method.kernel(group)
        except MethodError:
            continue
        if name.startswith("della") and 1 in (
            x.shape[-1 if x.dim() == 1 else 1] for x in group.inputs
        ):
            continue  # one entry a row: mergekit divides 0 by 0
        if name == "multislerp" and all(
            group.base is not None and torch.equal(x, group.base) for x in group.inputs
        ):
            continue  # nobody trained this tensor: mergekit stops
        wanted = theirs(name, group)
        if wanted.isfinite().all():  # else: a corner that mergekit leaves open
            assert torch.equal(ours, wanted), (trial, ours.shape, ours.dtype, group.shared)
            compared += 1
    assert compared > TRIALS / 2


def test_arcee_fusion_samples_large_tensors_as_mergekit_does():
    stream = torch.Generator().manual_seed(0)
    base = torch.randn(1100, 1000, generator=stream)
    other = base + 0.1 * torch.randn(1100, 1000, generator=stream)
    select = ExactSelection(torch.Generator().manual_seed(9))
    group = TensorGroup(base, (other,), ({},), {}, select)
    assert torch.equal(all_methods()["arcee_fusion"].kernel(group), theirs("arcee_fusion", group))
