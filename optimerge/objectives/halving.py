"""Batches that are halved for good when a forward finds no memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from optimerge.objectives.tokens.budget import is_out_of_memory
from optimerge.objectives.tokens.memory import free_memory

Found = TypeVar("Found")


class Batches:
    """Row numbers in batches, for as long as a study lives.

    A batch that runs out of memory is run again in halves, and stays in halves for all later
    candidates; one row that is too much is the caller's error to see.
    """

    def __init__(self, batches: Iterable[Sequence[int]]) -> None:
        self._batches: list[Sequence[int]] = list(batches)

    def __iter__(self) -> Iterator[Sequence[int]]:
        return iter(self._batches)

    def by_row(self, work: Callable[[Sequence[int]], Sequence[Found]]) -> dict[int, Found]:
        """Return by row what `work` makes of the rows of each batch, in their order."""
        found: dict[int, Found] = {}
        for batch, rows in self.run(work):
            found.update(zip(batch, rows, strict=True))
        return found

    def run(self, work: Callable[[Sequence[int]], Found]) -> Iterator[tuple[Sequence[int], Found]]:
        """Yield each batch with what `work` makes of it."""
        place = 0
        while place < len(self._batches):
            batch = self._batches[place]
            try:
                found = work(batch)
            except Exception as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
            else:
                yield batch, found
                place += 1
                continue
            # Not in the except clause: the error's frames still hold the tensors of the batch.
            middle = len(batch) // 2
            self._batches[place : place + 1] = [batch[:middle], batch[middle:]]
            free_memory()


class Rows:
    """How many rows are run at a time; halved for good when memory is not there."""

    def __init__(self, most: int) -> None:
        self.most = most

    def halve(self, rows: int) -> None:
        """Allow half of the `rows` that were too many."""
        self.most = max(1, min(self.most, rows) // 2)
