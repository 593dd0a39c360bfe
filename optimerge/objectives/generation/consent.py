"""A space that names a program to run needs the user's consent."""

from optimerge.errors import TaskError
from optimerge.space.generation import Generation


def check_consent(generation: Generation | None, *, allow_code: bool) -> None:
    """Raise TaskError if a program would be run that nobody allowed."""
    if generation and generation.vllm and not allow_code:
        raise TaskError(
            f"search.generation.vllm.python: {generation.vllm.python} is a program to run; "
            "give --allow-code if you trust it, or leave vllm out"
        )
