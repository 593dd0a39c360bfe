"""Large tensors are merged in parts: the parts give, bit for bit, what the whole gives."""

import pytest
import torch

from optimerge.merge import tensor as merging
from optimerge.merge.plan import InputTensor, TensorPlan
from optimerge.merge.selection.hashed import HashedSelection
from optimerge.methods import task_vectors
from optimerge.methods.protocol import Required
from optimerge.methods.registry import all_methods, method_named

GIVEN = {"weight": 0.7, "density": 0.4, "epsilon": 0.1, "t": 0.3}


def plan_of(name: str) -> TensorPlan:
    method = method_named(name)
    numbers, shared = (
        {
            p.name: GIVEN.get(p.name, None if isinstance(p.default, Required) else p.default)
            for p in ps
        }
        for ps in (method.per_input, method.shared)
    )
    count = min(method.most_inputs or 3, 3)
    inputs = tuple(InputTensor(f"m{i}", "w", numbers) for i in range(count))
    base = None if method.base == "ignored" else InputTensor("base", "w", {})
    return TensorPlan("w", name, base, inputs, shared)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", sorted(all_methods()))
def test_parts_give_what_the_whole_gives(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(3)
    held = {
        m: torch.randn(37, 29, generator=generator).to(dtype) for m in ("base", "m0", "m1", "m2")
    }
    held["m1"] = held["m1"].T.contiguous().T
    found = []
    for part in (100, 1 << 17):
        monkeypatch.setattr(merging, "PART", part)
        monkeypatch.setattr(task_vectors, "PART", part)
        plan = plan_of(name)
        select = HashedSelection(5, "w", [item.model for item in plan.inputs])
        found.append(
            merging.merged(plan, None, [held[item.model] for item in plan.sources], select)
        )
    assert found[0].dtype == found[1].dtype
    assert found[0].dtype in (dtype, torch.float32)
    assert torch.equal(*found)
