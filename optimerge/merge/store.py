"""What every store of base and experts does, wherever it keeps them."""

from collections.abc import Generator, Sequence
from typing import Protocol

from optimerge.merge.steps import Key
from optimerge.merge.weights import Weights


class Store(Protocol):
    """The tensors of base and experts, wherever they are kept."""

    @property
    def bytes(self) -> int:
        """Bytes of memory held."""
        ...

    def stream(self, steps: Sequence[Sequence[Key]]) -> Generator[Weights]:
        """Yield, for each step, `Weights` with its tensors, on the store's device.

        They may be gone when the next step is asked for. Close the generator. CheckpointError if
        a file cannot be read.
        """
        ...
