"""Smaller batches when the memory of the device is not enough."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from optimerge.objectives.tokens.budget import Budget, is_out_of_memory
from optimerge.objectives.tokens.request import Answers


class _TooMuch(Exception):  # noqa: N818 - a signal, never seen outside
    def __init__(self, size: int) -> None:
        self.size = size


@contextmanager
def needs(rows: int, size: int) -> Iterator[None]:
    """Run a forward; out of memory with more than one row is a wish for smaller batches."""
    try:
        yield
    except Exception as error:
        if rows > 1 and is_out_of_memory(error):
            raise _TooMuch(size) from None
        raise


def until_it_fits(budget: Budget, run: Callable[[], Answers]) -> Answers:
    """Run without gradients; halve the budget and begin again for as long as `needs` asks."""
    import torch

    while True:
        try:
            with torch.no_grad():
                return run()
        except _TooMuch as error:
            budget.halve(error.size)
        # Not in the except clause: the error's frames still hold the tensors of the batch.
        free_memory()


def free_memory() -> None:
    """Give back what torch keeps of the device's memory."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
