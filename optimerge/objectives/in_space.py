"""Names the search space in what is wrong with the tasks that it asks for."""

from collections.abc import Iterator
from contextlib import contextmanager

from optimerge.errors import TaskError
from optimerge.space.space import SearchSpace


@contextmanager
def in_space(space: SearchSpace) -> Iterator[None]:
    """Put the space's file before a TaskError: the key to mend stands there."""
    try:
        yield
    except TaskError as error:
        raise TaskError(f"{space.file}: {error}") from error
