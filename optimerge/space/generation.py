"""The `generation:` block of a space's `search:`: how answers are generated."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator


class Vllm(BaseModel):
    """A vLLM of its own Python, in a process of its own, that is sent every candidate's weights.

    Unproven: tested against a stand-in for vLLM only, never yet run on a GPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: Annotated[str, Field(min_length=1)]
    """The Python interpreter of an environment that has vLLM; it is run, so it needs consent."""
    arguments: dict[str, JsonValue] = {}
    """What vLLM's `LLM` is made with, such as gpu_memory_utilization."""
    start_seconds: Annotated[float, Field(gt=0)] = 900
    """How long vLLM may take to start."""
    answer_seconds: Annotated[float, Field(gt=0)] = 3600
    """How long it may take to read a candidate's weights, or to write a task's answers."""


class Generation(BaseModel):
    """How the answers of generation tasks are written; the default is in this process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batching: Literal["static", "continuous"] = "static"
    """static: fixed batches, equal to lm-eval. continuous: transformers' continuous batching."""
    vllm: Vllm | None = None
    """A vLLM of another environment that writes the answers."""

    @model_validator(mode="after")
    def _one_way(self) -> "Generation":
        if self.vllm is not None and self.batching != "static":
            raise ValueError("vllm batches by itself; leave batching out")
        return self
