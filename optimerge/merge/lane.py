"""A stream of a CUDA device for copies beside the merging; on a CPU everything is done at once."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from optimerge.merge.weights import Weights


class Lane:
    """Orders copies and merges on one device.

    A copy waits for the merges that were told of by `merged` before it, a merge for the copy of
    what it was given by `arrived`.
    """

    def __init__(self, device: str) -> None:
        import torch

        self._device = torch.device(device)
        on_cuda = self._device.type == "cuda"
        make_stream: Any = torch.cuda.Stream
        self._side = make_stream(self._device) if on_cuda else None

    def copying(self) -> AbstractContextManager[object]:
        """Return a context whose copies run beside the merges."""
        import torch

        if self._side is None:
            return nullcontext()
        context: AbstractContextManager[object] = torch.cuda.stream(self._side)
        return context

    def mark(self) -> Any:
        """Return what stands for all copies so far."""
        return None if self._side is None else self._side.record_event()

    def arrived(self, held: "Weights", mark: Any) -> "Weights":
        """Return `held`; merges from now on wait for its copies."""
        import torch

        if self._side is not None:
            torch.cuda.current_stream(self._device).wait_event(mark)
        return held

    def merged(self) -> None:
        """Let copies from now on wait for all merges so far."""
        import torch

        if self._side is not None:
            self._side.wait_event(torch.cuda.current_stream(self._device).record_event())

    def finish(self, mark: Any) -> None:
        """Wait here until the copies up to the mark are done."""
        if mark is not None:
            mark.synchronize()

    def finish_all(self) -> None:
        """Wait here until all copies are done."""
        if self._side is not None:
            self._side.synchronize()


def page_lock(memory: "Tensor") -> None:
    """Lock main memory in its place, for good, so that a CUDA device reads it by itself.

    Not by torch's `pin_memory`, which takes the next power of two. OptimergeError if the system
    refuses (a limit on locked memory).
    """
    import torch

    from optimerge.errors import OptimergeError

    runtime: Any = torch.cuda.cudart
    code = runtime().cudaHostRegister(memory.data_ptr(), memory.nbytes, 0)
    if int(code):
        raise OptimergeError(
            f"{memory.nbytes} bytes of main memory could not be locked for the device (CUDA error "
            f"{int(code)}); use --memory disk"
        )
