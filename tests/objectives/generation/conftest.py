"""Generation requests on the tiny model, with settings of many kinds."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from lm_eval.api.instance import Instance
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.objectives.live import LiveModel

LETTERS = [*"0123456789", *"abcdefghijklmnop"]
Asked = Callable[..., list[Instance]]


@pytest.fixture
def live(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> LiveModel:
    return LiveModel(model, tokenizer, 4)


@pytest.fixture
def asked() -> Asked:
    """Requests with prompts of several lengths, the last one longer than the model."""

    def make(*settings: dict[str, Any], count: int = 13) -> list[Instance]:
        rng, made = Random(1), []
        for place in range(count):
            words = 60 if place == count - 1 else rng.randint(1, 20)
            text = "Q: " + " ".join(rng.choices(LETTERS, k=words)) + " A:"
            kwargs = dict(settings[place % len(settings)])
            made.append(
                Instance("generate_until", {}, (text, kwargs), 0, metadata=("ask", place, 1))
            )
        return made

    return make
