"""Stands in for vLLM 0.33 in tests: the same calls, a tiny transformers model inside.

It is stale on purpose where vLLM would be: answers to a prompt are kept until
reset_prefix_cache(). What it is told is written to FAKE_VLLM_LOG, what goes wrong is told by
FAKE_VLLM_FAULT, a file that holds one word.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

import torch

assert "optimerge" not in sys.modules


def note(what, **more):
    with open(os.environ["FAKE_VLLM_LOG"], "a") as file:
        file.write(json.dumps({"what": what, "pid": os.getpid(), **more}) + "\n")


def fault():
    path = os.environ["FAKE_VLLM_FAULT"]
    return open(path).read().strip() if os.path.exists(path) else ""


class SamplingParams:
    def __init__(
        self,
        max_tokens=16,
        stop=(),
        temperature=1.0,
        seed=None,
        top_p=1.0,
        top_k=0,
        min_p=0.0,
        repetition_penalty=1.0,
    ):
        self.max_tokens, self.stop, self.temperature = max_tokens, list(stop), temperature
        self.seed, self.top_k = seed, top_k


class Model:
    def __init__(self, inner):
        self.inner = inner

    def load_weights(self, weights):
        held = dict(self.inner.named_parameters())
        loaded = set()
        for name, tensor in weights:
            with torch.no_grad():
                held[name].copy_(tensor)
            loaded.add(name)
        return loaded


class Light:
    def load_weights(self, weights):
        return {name for name, _ in weights}


class LLM:
    def __init__(self, model, load_format="auto", dtype="auto", max_model_len=None, **more):
        assert load_format == "dummy"
        assert os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
        if fault() == "no start":
            raise ValueError("no room for the key-value cache")
        note("start", dtype=dtype, max_model_len=max_model_len, more=more)
        self.cache = {}
        if "FAKE_VLLM_LIGHT" in os.environ:  # importing transformers takes seconds
            self.inner = None
            self.worker = SimpleNamespace(model_runner=SimpleNamespace(model=Light()))
            return
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        config = AutoConfig.from_pretrained(model)
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.inner = AutoModelForCausalLM.from_config(config).to(getattr(torch, dtype)).eval()
        self.worker = SimpleNamespace(model_runner=SimpleNamespace(model=Model(self.inner)))

    def collective_rpc(self, method, timeout=None, args=(), kwargs=None):
        note("weights", names=[name for name, _ in args[0]])
        if fault() == "die":
            sys.stderr.write("CUDA error: an illegal memory access\n")
            os._exit(9)
        return [method(self.worker, *args, **(kwargs or {}))]

    def reset_prefix_cache(self):
        note("reset")
        if fault() == "no reset":
            return True  # said, and not done: the planted stale cache
        self.cache.clear()
        return True

    def generate(self, prompts, sampling_params, use_tqdm=True):
        note("generate", count=len(prompts))
        if fault() == "sleep":
            time.sleep(60)
        pairs = zip(prompts, sampling_params, strict=True)
        return [self.answer(each["prompt_token_ids"], how) for each, how in pairs]

    def answer(self, ids, how):
        if tuple(ids) not in self.cache:
            self.cache[tuple(ids)] = self.write(ids, how)
        text = self.cache[tuple(ids)]
        for stop in how.stop:
            text = text.partition(stop)[0]
        return SimpleNamespace(outputs=[SimpleNamespace(text=text)])

    def write(self, ids, how):
        assert how.temperature == 0.0
        if self.inner is None:
            return "light"
        with torch.no_grad():
            said = self.inner.generate(
                torch.tensor([ids]), max_new_tokens=how.max_tokens, do_sample=False
            )
        return self.tokenizer.decode(said[0, len(ids) :], skip_special_tokens=True)
