"""Tiny random models of many architectures, requests of every shape, and lm-eval's answers."""

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from transformers import PreTrainedTokenizerFast

from optimerge.objectives.tokens.request import Request

VOCABULARY, LONGEST, WINDOW = 31, 48, 9
COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": LONGEST,
    "initializer_range": 0.3, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
NO_GROUPS = {"num_key_value_heads": 4}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "mistral": {"sliding_window": WINDOW},
    "gemma2": {"head_dim": 8, "sliding_window": WINDOW},
    "gemma3_text": {
        "head_dim": 8,
        "sliding_window": WINDOW,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "gpt2": {"n_positions": LONGEST, "n_embd": 32, "n_layer": 2, "n_head": 4},
    "gpt_neox": NO_GROUPS,
    "olmo2": {},
    "phi3": {},
    "cohere": {},
    "deepseek_v3": {
        **NO_GROUPS,
        **EXPERTS,
        "n_routed_experts": 4,
        "n_group": 1,
        "topk_group": 1,
        "q_lora_rank": 16,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
        "first_k_dense_replace": 1,
    },
    "qwen3_moe": {"head_dim": 8, **EXPERTS},
    "qwen3_next": {
        "head_dim": 8,
        **EXPERTS,
        "shared_expert_intermediate_size": 16,
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "layer_types": ["linear_attention", "full_attention"],
    },
}
"""Windows are shorter than most requests; qwen3_next is a hybrid with linear attention."""


LIKE_LLAMA = ("qwen2", "qwen3", "olmo2", "phi3", "cohere")
"""Of which every layer attends to all that comes before, by rotated positions: slow tests."""


def architecture_model(name: str, **fields: Any) -> Any:
    config: Any = transformers.AutoConfig.for_model(
        name, **{**COMMON, **ARCHITECTURES[name], **fields}
    )
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(torch.Generator().manual_seed(0).get_state())
        return transformers.AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name in LIKE_LLAMA else name
        for name in ARCHITECTURES
    ],
)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def of_architecture() -> Callable[..., Any]:
    return architecture_model


@pytest.fixture(scope="session")
def llama() -> Any:
    return architecture_model("llama")


@pytest.fixture(scope="session")
def requests() -> list[Request]:
    """Documents with common examples and several answers, and documents of all lengths alone."""
    rng, made = Random(0), list[Request]()

    def some(count: int) -> tuple[int, ...]:
        return tuple(rng.choices(range(3, VOCABULARY), k=count))

    examples = some(24)
    for _ in range(12):
        context = examples + some(rng.randint(1, 12))
        made += [Request(context, some(length)) for length in (1, 1, rng.randint(2, 6), 3)]
    for length in (1, 2, 5, 20, LONGEST, 2 * LONGEST):
        context, answer = some(length), some(3)
        made += [Request(context, answer), Request(context, (*answer, 5)), Request(context, answer)]
    return made


@pytest.fixture(scope="session")
def likely() -> Callable[[Any, Sequence[Request]], list[Request]]:
    """Return requests, and for some the answer that the model itself would give."""

    def likely(model: Any, requests: Sequence[Request]) -> list[Request]:
        more = []
        for request in requests[::7]:
            ids = list(request.context[-(LONGEST - 2) :])
            for _ in range(2):
                with torch.no_grad():
                    ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            more.append(Request(request.context, tuple(ids[-2:])))
        return [*requests, *more]

    return likely


@pytest.fixture(scope="session")
def of_lm_eval(
    tokenizer: PreTrainedTokenizerFast,
) -> Callable[[Any, Sequence[Request]], tuple[list[float], list[bool]]]:
    def answers(model: Any, requests: Sequence[Request]) -> tuple[list[float], list[bool]]:
        lm: Any = HFLM(
            pretrained=model,
            tokenizer=copy.deepcopy(tokenizer),
            batch_size=7,
            max_length=LONGEST,
            softmax_dtype="float32",
        )
        asked = [(None, list(each.context), list(each.answer)) for each in requests]
        found = lm._loglikelihood_tokens(asked, disable_tqdm=True)
        return [value for value, _ in found], [greedy for _, greedy in found]

    return answers
