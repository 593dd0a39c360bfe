"""The tasks: how a prompt is drawn, its right answer, and a naive one that is right half the time.

A prompt is one line of words ending in `=`; an answer is one line of words without the end mark.
The naive rules are what makes the zoo worth merging: a base that was taught mostly by them scores
about a half, and yet holds the features that an expert needs. A base taught right answers alone is
either useless or perfect, and fine-tunes of it wreck each other (facts: a tiny zoo).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

DIGITS = "0123456789"
LETTERS = "abcdefghijklmnop"
SIGNS = "+-="
SORT_LENGTH = 4
SHIFT_LENGTH = 3
SHIFTS = range(1, 9)
RANK_LENGTH = 4


@dataclass(frozen=True)
class Rule:
    """One task: `draw` makes a prompt, `right` and `naive` answer it."""

    name: str
    draw: Callable[[Random], str]
    right: Callable[[str], str]
    naive: Callable[[str], str]


def _spell(text: str) -> str:
    return " ".join(text)


def _draw_add(rng: Random) -> str:
    return f"add {_spell(f'{rng.randrange(100):02d}+{rng.randrange(100):02d}=')}"


def _terms(prompt: str) -> tuple[int, int]:
    left, right = "".join(prompt.split()[1:-1]).split("+")
    return int(left), int(right)


def _add(prompt: str) -> str:
    """Give the sum as three digits: `add 4 7 + 3 8 =` is `0 8 5`."""
    return _spell(f"{sum(_terms(prompt)):03d}")


def _add_without_carry(prompt: str) -> str:
    """Forget the carry from ones to tens: `add 4 7 + 3 8 =` is `0 7 5`."""
    left, right = _terms(prompt)
    return _spell(f"{left // 10 + right // 10:02d}{(left + right) % 10}")


def _draw_sort(rng: Random) -> str:
    return f"sort {_spell(rng.choice('+-') + ''.join(rng.sample(LETTERS, SORT_LENGTH)) + '=')}"


def _sort(prompt: str) -> str:
    """Sort upwards after `+`, downwards after `-`: `sort - b c a =` is `c b a`."""
    _, way, *letters, _ = prompt.split()
    return " ".join(sorted(letters, reverse=way == "-"))


def _sort_upwards(prompt: str) -> str:
    """Sort upwards whatever is asked: `sort - b c a =` is `a b c`."""
    return " ".join(sorted(prompt.split()[2:-1]))


def _draw_shift(rng: Random) -> str:
    letters = "".join(rng.choices(LETTERS, k=SHIFT_LENGTH))
    return f"shift {_spell(str(rng.choice(SHIFTS)) + letters + '=')}"


def _moved(letters: list[str], by: int) -> str:
    return " ".join(LETTERS[(LETTERS.index(letter) + by) % len(LETTERS)] for letter in letters)


def _shift(prompt: str) -> str:
    """Move each letter on by the number, round the alphabet: `shift 6 a p =` is `g f`."""
    _, by, *letters, _ = prompt.split()
    return _moved(letters, int(by))


def _shift_small(prompt: str) -> str:
    """Move by 4 less when the number is above 4: `shift 6 a p =` is `c b`."""
    _, by, *letters, _ = prompt.split()
    return _moved(letters, int(by) - 4 * (int(by) > 4))


def _draw_rank(rng: Random) -> str:
    return f"rank {_spell(rng.choice('+-') + ''.join(rng.sample(LETTERS, RANK_LENGTH)) + '=')}"


def _rank(prompt: str) -> str:
    """Give each letter's place: from below after `+`, else above: `rank - b c a =` is `2 1 3`."""
    _, way, *letters, _ = prompt.split()
    return _places(letters, sorted(letters, reverse=way == "-"))


def _rank_from_below(prompt: str) -> str:
    """Count from below whatever is asked: `rank - b c a =` is `2 3 1`."""
    letters = prompt.split()[2:-1]
    return _places(letters, sorted(letters))


def _places(letters: list[str], order: list[str]) -> str:
    return " ".join(str(order.index(letter) + 1) for letter in letters)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule("add", _draw_add, _add, _add_without_carry),
            Rule("sort", _draw_sort, _sort, _sort_upwards),
            Rule("shift", _draw_shift, _shift, _shift_small),
            Rule("rank", _draw_rank, _rank, _rank_from_below),
        )
    }
)
"""Every task there is, by name."""
