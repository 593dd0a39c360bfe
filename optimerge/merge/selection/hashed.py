"""Chooses entries by a counter-based hash: the same on every device and with any sharding.

An entry's uniform number depends on the seed, the names of tensor and model, and its flat index
in the whole tensor; nothing is stored. Masks are nested: what is kept at a density is kept at
any higher one. Entries that tie at a magnitude threshold are drawn by the hash under another key.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from optimerge.merge.selection.order import kth_smallest
from optimerge.merge.selection.ranks import middle_ranks
from optimerge.merge.selection.splitmix import as_signed, uniforms, uniforms_at

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 1 << 16
"""How finely probabilities are resolved."""


def hash_key(seed: int, tensor: str, source: str, purpose: str) -> int:
    """Return the 64-bit key (signed) of the random numbers of one model's tensor."""
    text = "\0".join((str(seed), tensor, source, purpose))
    return as_signed(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little"))


class HashedSelection:
    """The fast `Selection`: of one tensor, with the models that are merged into it.

    Args:
        seed: The seed of the merge.
        tensor: The name of the output tensor.
        inputs: One name for each input; a model under the same name gets the same masks
            wherever it stands among the inputs.
    """

    def __init__(self, seed: int, tensor: str, inputs: Sequence[str]) -> None:
        self._seed, self._tensor, self._inputs = seed, tensor, tuple(inputs)

    def largest(self, index: int, delta: "Tensor", keep: int) -> "Tensor":
        """Keep the `keep` largest magnitudes; of those tied at the threshold, a random share."""
        magnitude = delta.abs().float()
        if keep <= 0:
            return magnitude < 0
        if keep >= magnitude.numel():
            return magnitude >= 0
        threshold = self.threshold(index, magnitude, keep)
        above, tied = magnitude > threshold, magnitude == threshold
        missing, found = keep - above.count_nonzero(), tied.count_nonzero()
        limit = (missing.double() / found * LEVELS).round().int() - LEVELS // 2
        if delta.device.type != "cpu":
            return above | (tied & (self._draw(index, delta, "ties").int() < limit))
        # Few entries are tied: there it is cheaper to draw for them alone.
        positions = tied.reshape(-1).nonzero().reshape(-1)
        drawn = uniforms_at(self._key(index, "ties"), positions) < limit
        kept = above.reshape(-1)
        kept[positions[drawn]] = True
        return kept.view(delta.shape)

    def band(self, index: int, delta: "Tensor", drop_smallest: int, keep: int) -> "Tensor":
        """Keep the `keep` entries above the `drop_smallest` smallest magnitudes."""
        rest = delta.numel() - drop_smallest
        # Both draw ties with the same numbers, so the smaller set lies within the larger.
        return self.largest(index, delta, rest) & ~self.largest(index, delta, rest - keep)

    def row_ranks(self, index: int, delta: "Tensor") -> "Tensor":
        """Rank magnitudes along dim 1 from 1; tied entries share the middle of their ranks."""
        return middle_ranks(delta.abs().float())

    def random(self, index: int, delta: "Tensor", keep: "float | Tensor") -> "Tensor":
        """Keep an entry if its uniform number is below `keep`, in steps of 1/65536."""
        if isinstance(keep, int | float):
            limit = round(keep * LEVELS) - LEVELS // 2
            if limit >= LEVELS // 2:  # beyond what 16 bits hold: all are kept
                return delta.new_ones(delta.shape).bool()
            return self._draw(index, delta, "mask") < max(limit, -LEVELS // 2)
        limits = (keep.double() * LEVELS).round().int() - LEVELS // 2
        return self._draw(index, delta, "mask").int() < limits

    def sample(self, size: int, count: int) -> "Tensor | None":
        """Say that all entries are to be looked at, not a sample of them."""
        return None

    def threshold(self, index: int, magnitude: "Tensor", keep: int) -> "Tensor":
        """Return the magnitude of the `keep`-th largest entry, as a 0-dimensional tensor.

        An engine with a table of magnitudes overrides this with a look-up.
        """
        return kth_smallest(magnitude, magnitude.numel() - keep + 1)

    def _draw(self, index: int, delta: "Tensor", purpose: str) -> "Tensor":
        key = self._key(index, purpose)
        return uniforms(key, 0, delta.numel(), delta.device).view(delta.shape)

    def _key(self, index: int, purpose: str) -> int:
        return hash_key(self._seed, self._tensor, self._inputs[index], purpose)
