"""The candidate's copy in a worker: its weights are sent when they changed, then it answers."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.generation.remote.process import WorkerProcess
from optimerge.objectives.live import LiveModel
from optimerge.space.generation import Vllm

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

BUCKET = 256 << 20
"""Bytes of weights in one message, or one tensor that is larger."""
OURS = ("model", "tokenizer", "load_format", "skip_tokenizer_init")
ONE = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")


class RemoteModel:
    """A worker with vLLM that holds a copy of the candidate's weights.

    `stale` says that the copy is of older weights: they are sent before the next answer, all of
    them, in buckets, because nothing cheap tells which tensors a merge left as they were. The
    worker starts with the model's config and tokenizer and random weights, at the first answer,
    and anew after a failure. Names and shapes are those of a checkpoint on disk.
    """

    def __init__(self, live: LiveModel, settings: Vllm) -> None:
        where = "search.generation.vllm.arguments"
        if taken := [key for key in OURS if key in settings.arguments]:
            raise TaskError(f"{where}: {taken[0]} is set by optimerge; leave it out")
        for key in ONE:
            if settings.arguments.get(key, 1) != 1:
                raise TaskError(
                    f"{where}: {key} {settings.arguments[key]} is not supported, weights are sent "
                    "to one device; leave it out"
                )
        self._live, self._settings = live, settings
        self._worker: WorkerProcess | None = None
        self._version = 0
        self.stale = True

    @property
    def pid(self) -> int | None:
        """The worker's process, if there is one."""
        return None if self._worker is None else self._worker.pid

    def generate(
        self,
        model: "PreTrainedModel",
        prompts: Sequence[Sequence[int]],
        sampling: Sequence[Mapping[str, Any]],
    ) -> list[str]:
        """Return the text after each prompt; TrialError if the worker dies, is late or fails."""
        try:
            worker = self._fresh(model)
            message = {"do": "generate", "version": self._version, "prompts": list(prompts)}
            answer = self._ask(worker, {**message, "sampling": list(sampling)})
        except BaseException:
            self.close()
            raise
        texts = [str(text) for text in answer["texts"]]
        if len(texts) != len(prompts):
            self.close()
            raise TrialError(f"the vLLM worker answered {len(texts)} of {len(prompts)} prompts")
        return texts

    def close(self) -> None:
        """End the worker; the next answer starts a new one."""
        if self._worker is not None:
            self._worker.end()
        self._worker, self.stale = None, True

    def _fresh(self, model: "PreTrainedModel") -> WorkerProcess:
        worker = self._worker = self._worker or self._start(model)
        if not self.stale:
            return worker
        self._version += 1
        self._ask(worker, {"do": "begin", "version": self._version})
        count = 0
        for bucket in buckets(checkpoint_tensors(model), BUCKET):
            tensors = [
                (name, str(t.dtype).removeprefix("torch."), [*t.shape]) for name, t in bucket
            ]
            self._ask(worker, {"do": "weights", "tensors": tensors}, [_bytes(t) for _, t in bucket])
            count += len(bucket)
        self._ask(worker, {"do": "end", "version": self._version, "count": count})
        self.stale = False
        return worker

    def _start(self, model: "PreTrainedModel") -> WorkerProcess:
        worker = WorkerProcess(self._settings.python)
        with tempfile.TemporaryDirectory(prefix="optimerge-vllm-") as folder:
            model.config.save_pretrained(folder)
            self._live.lm.tokenizer.save_pretrained(folder)
            arguments = {"dtype": str(model.dtype).removeprefix("torch.")}
            arguments |= {"max_model_len": self._live.lm.max_length}
            worker.ask(
                self._settings.start_seconds,
                {"do": "start", "model": folder, "arguments": arguments | self._settings.arguments},
            )
        return worker

    def _ask(
        self, worker: WorkerProcess, header: dict[str, Any], parts: Sequence[Any] = ()
    ) -> dict[str, Any]:
        return worker.ask(self._settings.answer_seconds, header, parts)


def checkpoint_tensors(model: "PreTrainedModel") -> "Iterator[tuple[str, Tensor]]":
    """Yield names and tensors as `save_pretrained` writes them; of tied ones the first alone."""
    from transformers.core_model_loading import revert_weight_conversion

    held, seen = dict(model.state_dict()), set[tuple[int, int]]()
    for name, tensor in list(held.items()):
        place = (tensor.data_ptr(), tensor.numel())
        if tensor.numel() and place in seen:
            del held[name]
        seen.add(place)
    yield from revert_weight_conversion(model, held).items()


def buckets(
    tensors: "Iterator[tuple[str, Tensor]]", most: int
) -> "Iterator[list[tuple[str, Tensor]]]":
    """Yield tensors, at most so many bytes together unless one alone has more."""
    held: list[tuple[str, Tensor]] = []
    size = 0
    for name, tensor in tensors:
        if held and size + tensor.nbytes > most:
            yield held
            held, size = [], 0
        held.append((name, tensor))
        size += tensor.nbytes
    if held:
        yield held


def _bytes(tensor: "Tensor") -> Any:
    """Return a tensor's bytes, which numpy has no dtype for if they are bfloat16."""
    import torch

    return tensor.detach().contiguous().cpu().reshape(-1).view(torch.uint8).numpy()
