"""Compares tensors of two files byte by byte, without loading them."""

from optimerge.checkpoint.headers import TensorInfo
from optimerge.errors import CheckpointError

_BLOCK = 1 << 20
_SAMPLE = 1 << 16


def same_bytes(one: TensorInfo, other: TensorInfo, *, sample: bool = False) -> bool:
    """Whether two tensors have one type, one shape and the same bytes.

    `sample`: look at no more than 64 KiB in the middle, to find most differences at once.
    CheckpointError if a file cannot be read.
    """
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    skipped = max(one.bytes - _SAMPLE, 0) // 2 if sample else 0
    try:
        with one.file.open("rb") as left, other.file.open("rb") as right:
            left.seek(one.start + skipped)
            right.seek(other.start + skipped)
            for done in range(skipped, one.bytes - skipped, _BLOCK):
                count = min(_BLOCK, one.bytes - skipped - done)
                if left.read(count) != right.read(count):
                    return False
    except OSError as error:
        raise CheckpointError(
            f"{str(one.file)!r} or {str(other.file)!r} cannot be read: {error.strerror}; "
            "check the disk"
        ) from error
    return True
