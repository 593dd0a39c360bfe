"""Gram matrices from hooks against the inputs of the layers, computed by hand."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.pytorch_utils import Conv1D

from optimerge.calibration.gram import GramSums

DOCUMENTS = ([1, 2, 3, 4, 5], [7, 7, 2])


def llama(tied: bool = False) -> LlamaForCausalLM:
    config = LlamaConfig(vocab_size=9, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=tied, bos_token_id=None, eos_token_id=1, pad_token_id=0)  # fmt: skip
    return drawn(LlamaForCausalLM(config))


def drawn(model: nn.Module) -> nn.Module:
    stream = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.requires_grad_(False).copy_(torch.randn(parameter.shape, generator=stream))
    return model.eval()


def measured(model: nn.Module) -> GramSums:
    sums = GramSums(model)
    with sums.watching():
        for document in DOCUMENTS:
            sums.add(document)
    model(input_ids=torch.tensor([[1, 2]]), use_cache=False)  # not watched: counts for nothing
    return sums


def near(found: tuple[Tensor, int] | None, rows: list[Tensor], axis: int) -> bool:
    x = torch.cat([r.reshape(-1, r.shape[-1]) for r in rows]).double()
    assert found is not None
    return found[1] == axis and torch.allclose(found[0].double(), x.T @ x, rtol=1e-4, atol=1e-4)


def ids() -> list[Tensor]:
    return [torch.tensor([document]) for document in DOCUMENTS]


def test_grams_of_a_llama_are_those_of_the_layers_inputs():
    model = llama()
    sums = measured(model)
    first = model.model.layers[0]
    seen = [first.input_layernorm(model.model.embed_tokens(i)) for i in ids()]
    for projection in ("q_proj", "k_proj", "v_proj"):
        weight = getattr(first.self_attn, projection).weight
        assert near(sums.of(weight, weight), seen, -1)
    last = [model.model(input_ids=i).last_hidden_state for i in ids()]
    assert near(sums.of(model.lm_head.weight, model.lm_head.weight), last, -1)
    mlp = model.model.layers[1].mlp
    down = sums.of(mlp.down_proj.weight, mlp.down_proj.weight)
    gate = sums.of(mlp.gate_proj.weight, mlp.gate_proj.weight)
    assert down is not None
    assert gate is not None
    assert (len(down[0]), len(gate[0])) == (12, 8)


def test_grams_of_conv1d_run_along_the_first_dimension():
    config = GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=2, n_positions=16, bos_token_id=1, eos_token_id=1)  # fmt: skip
    model = drawn(GPT2LMHeadModel(config))
    sums = measured(model)
    part = model.transformer
    seen = [
        part.h[0].ln_1(part.wte(i) + part.wpe(torch.arange(i.shape[1]).unsqueeze(0))) for i in ids()
    ]
    weight = part.h[0].attn.c_attn.weight
    assert isinstance(part.h[0].attn.c_attn, Conv1D)
    assert weight.shape == (8, 24)
    assert near(sums.of(weight, weight), seen, -2)


def test_a_head_tied_to_the_embeddings_has_none():
    model = llama(tied=True)
    sums = measured(model)
    assert sums.of(model.lm_head.weight, model.lm_head.weight) is None
    norm = model.model.norm.weight
    assert sums.of(norm, norm) is None


def test_views_of_a_weight_find_its_gram_only_if_they_see_its_inputs():
    model = llama()
    sums = measured(model)
    weight = model.model.layers[0].mlp.gate_proj.weight  # (12, 8)
    whole = sums.of(weight, weight)
    assert whole is not None
    assert sums.of(weight, weight[3:7]) == whole
    assert sums.of(weight, weight.t()) == (whole[0], -2)
    assert sums.of(weight, weight[:, :4]) is None
    assert sums.of(weight, weight.clone().unsqueeze(0)) is None
    assert sums.of(weight.clone(), weight) is None


class Router(nn.Module):
    """Uses a linear layer's weight without calling the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.gate = nn.Embedding(9, 4), nn.Linear(4, 9)

    def forward(self, input_ids: Tensor, use_cache: bool) -> SimpleNamespace:
        return SimpleNamespace(logits=self.embed(input_ids) @ self.gate.weight.T)


def test_a_layer_that_is_never_called_has_none():
    model = drawn(Router())
    assert measured(model).of(model.gate.weight, model.gate.weight) is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_sums_are_float32(dtype: torch.dtype):
    model = llama().to(dtype)
    weight = model.lm_head.weight
    found = measured(model).of(weight, weight)
    assert found is not None
    assert found[0].dtype == torch.float32
