"""Reading ahead: what is held is not overwritten, and nothing outlives its stream."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from optimerge.merge.readahead import ReadAhead, Times
from optimerge.merge.ring import Ring

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=12)


def numbered(number: int, piece: torch.Tensor) -> None:
    piece.fill_(number)


def settled(filled: list[int]) -> None:
    """Wait until the thread has done all that it will do by itself."""
    before = -1
    while before != len(filled):
        before = len(filled)
        time.sleep(0.002)


def held_wrongly(ring: Ring, sizes: list[int], *, early: bool = False) -> list[int]:
    """Return the steps whose pieces did not stay as they were filled until they were released."""
    filled: list[int] = []

    def fill(number: int, piece: torch.Tensor) -> None:
        numbered(number, piece)
        filled.append(number)

    wrong = []
    with ReadAhead(ring, sizes, fill, ahead=True, times=Times()) as reading:
        for number, size in enumerate(sizes):
            piece = reading.next()
            if early:
                reading.release()
            settled(filled)
            if piece.numel() != size or not bool((piece == number).all()):
                wrong.append(number)
            if not early:
                reading.release()
    return wrong


@settings(max_examples=15, deadline=None)
@given(SIZES, st.integers(0, 60))
def test_a_piece_stays_as_it_is_until_it_is_released(sizes: list[int], more: int) -> None:
    assert held_wrongly(Ring(max(sizes) + more, "cpu"), sizes) == []


def test_a_piece_given_back_one_step_too_early_is_seen() -> None:
    assert held_wrongly(Ring(8, "cpu"), [8] * 5, early=True) == [0, 1, 2, 3]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=60), st.integers(40, 120))
def test_pieces_of_a_ring_never_overlap(steps: list[tuple[int, bool]], size: int) -> None:
    ring = Ring(size, "cpu")
    taken: list[torch.Tensor] = []
    for number, (wanted, give) in enumerate(steps):
        if give and taken:
            ring.give_back()
            taken.pop(0)
        piece = ring.take(wanted)
        assert piece is not None or taken  # an empty ring has room for every step
        if piece is not None:
            taken.append(piece.fill_(number))
        marks = [int(t[0]) for t in taken]
        assert all(bool((t == mark).all()) for t, mark in zip(taken, marks, strict=True))
        assert sorted(set(marks)) == marks
    with pytest.raises(ValueError, match="has no piece of"):
        ring.take(size + 1)


@pytest.mark.parametrize(("ahead", "most"), [(True, 3), (False, 1)])
def test_the_next_steps_are_read_before_they_are_asked_for_unless_not_wanted(
    ahead: bool, most: int
) -> None:
    filled: list[int] = []
    with ReadAhead(
        Ring(30, "cpu"), [10] * 6, lambda n, _: filled.append(n), ahead=ahead, times=Times()
    ) as reading:
        reading.next()
        settled(filled)
        assert len(filled) == most


def readers() -> Iterator[threading.Thread]:
    return (t for t in threading.enumerate() if t.name == "optimerge read-ahead")


def test_an_error_comes_in_its_turn_and_the_thread_ends() -> None:
    def fill(number: int, piece: torch.Tensor) -> None:
        if number == 2:
            raise OSError("cut")
        numbered(number, piece)

    seen = []
    with (
        pytest.raises(OSError, match="cut"),
        ReadAhead(Ring(90, "cpu"), [10] * 6, fill, ahead=True, times=Times()) as reading,
    ):
        for _ in range(6):
            seen.append(int(reading.next()[0]))
            reading.release()
    assert seen == [0, 1]
    assert not list(readers())


def test_the_thread_ends_when_the_merge_fails_while_it_waits_for_room() -> None:
    ring = Ring(10, "cpu")
    with (
        pytest.raises(ZeroDivisionError),
        ReadAhead(ring, [10] * 6, numbered, ahead=True, times=Times()) as reading,
    ):
        reading.next()
        raise ZeroDivisionError
    assert not list(readers())
    assert len(ring) == 0
