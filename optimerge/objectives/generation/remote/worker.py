"""Runs vLLM for a search: reads weights and prompts from a socket, answers with texts.

    PYTHON worker.py DESCRIPTOR

Run by a Python that has vLLM and need not have optimerge; it ends when the socket does.

Unproven until run on a GPU. Read from vLLM 0.33: `LLM(...)` in this process, so that
`collective_rpc` may be given a function and tensors without pickling; `load_weights` of the model
takes names and tensors as a checkpoint has them, and puts q, k, v together by itself;
`reset_prefix_cache()` forgets what the old weights made of prompts. vLLM says False where it could
not, as when requests still run: then nothing is answered.
"""

import os
import socket
import sys
import traceback
from typing import Any


def main(descriptor: int) -> None:
    """Answer messages until the other side is gone."""
    here = os.path.dirname(os.path.abspath(__file__))
    # Python puts a script's folder first: a file of ours must never stand in for a package.
    sys.path[:] = [place for place in sys.path if os.path.abspath(place or ".") != here]
    frames = load_frames(here)
    link = socket.socket(fileno=descriptor)
    # vLLM would otherwise run its engine in a process of its own, out of reach of a function.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    worker = Worker()
    while True:
        try:
            header, body = frames.receive(link)
        except frames.Closed:
            return
        try:
            answer = getattr(worker, "do_" + header.pop("do"))(body, **header)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        try:
            frames.send(link, answer)
        except frames.Closed:
            return


def load_frames(folder: str) -> Any:
    """Load frames.py by its path."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec: Any = spec_from_file_location("optimerge_frames", os.path.join(folder, "frames.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Worker:
    """One vLLM engine and which candidate's weights it holds."""

    def __init__(self) -> None:
        self.llm: Any = None
        self.version: int | None = None
        self.names: set[str] = set()

    def do_start(self, body: Any, model: str, arguments: Any) -> Any:
        """Make the engine, with random weights: real ones are sent before anything is asked."""
        from vllm import LLM

        self.llm = LLM(model=model, load_format="dummy", **arguments)
        return {"ready": True}

    def do_begin(self, body: Any, version: int) -> Any:
        """Expect the weights of a candidate; what is held no longer counts."""
        self.version, self.names = None, set()
        return {"begun": version}

    def do_weights(self, body: Any, tensors: Any) -> Any:
        """Load some tensors: `tensors` says name, dtype and shape of each, in the body's order."""
        import torch

        weights, start = [], 0
        for name, dtype, shape in tensors:
            kind = getattr(torch, dtype)
            count = 1
            for size in shape:
                count *= size
            if count:
                flat = torch.frombuffer(body, dtype=kind, count=count, offset=start)
            else:
                flat = torch.empty(0, dtype=kind)
            weights.append((name, flat.view(shape)))
            start += count * kind.itemsize
        if start != len(body):
            raise ValueError(f"{len(body)} bytes of weights came, {start} were announced")
        self.llm.collective_rpc(load, args=(weights,))
        self.names.update(name for name, _, _ in tensors)
        return {"loaded": len(weights)}

    def do_end(self, body: Any, version: int, count: int) -> Any:
        """All tensors were sent: forget caches of the old weights, then the new ones count."""
        if len(self.names) != count:
            raise ValueError(f"{len(self.names)} tensors came, {count} were sent")
        if self.llm.reset_prefix_cache() is False:
            raise RuntimeError("vLLM could not forget its prefix cache")
        self.version = version
        return {"version": version}

    def do_generate(self, body: Any, version: int, prompts: Any, sampling: Any) -> Any:
        """Return the texts after prompts (token ids), by the weights of this version only."""
        if version != self.version:
            raise RuntimeError(f"weights {version} are asked, {self.version} are here")
        from vllm import SamplingParams

        outputs = self.llm.generate(
            [{"prompt_token_ids": ids} for ids in prompts],
            [SamplingParams(**each) for each in sampling],
            use_tqdm=False,
        )
        return {"texts": [each.outputs[0].text for each in outputs]}


def load(worker: Any, weights: Any) -> None:
    """Put tensors into the model of vLLM's worker, in whose process it runs."""
    worker.model_runner.model.load_weights(weights)


if __name__ == "__main__":
    main(int(sys.argv[1]))
