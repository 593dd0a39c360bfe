"""The most memory at a time that tensor operations take."""

import torch

from optimerge.merge.probe import peak_bytes

KIB = 256
"""Entries of float32."""


def test_what_is_alive_at_a_time_is_added_up() -> None:
    def work() -> object:
        one = torch.ones(KIB)
        two = one + 1
        del one
        return two * 2, torch.ones(3 * KIB)

    assert peak_bytes(work) == 5 * 1024


def test_what_is_gone_counts_no_more() -> None:
    def work() -> object:
        for _ in range(5):
            torch.ones(2 * KIB)
        return torch.ones(KIB)

    assert peak_bytes(work) == 2 * 1024


def test_a_view_keeps_all_that_it_looks_at() -> None:
    def work() -> object:
        whole = torch.ones(4 * KIB)
        part = whole[:1]
        del whole
        return part, torch.ones(KIB)

    assert peak_bytes(work) == 5 * 1024
    with torch.inference_mode():  # a view does not know there of what it is one
        assert peak_bytes(work) == 5 * 1024


def test_what_was_there_before_and_what_is_written_in_place_costs_nothing() -> None:
    given = torch.ones(8 * KIB)
    assert peak_bytes(lambda: given.mul_(2).view(-1)) == 0
    assert peak_bytes(lambda: (given * 2).mul_(2)) == 8 * 1024


def test_nothing_takes_nothing() -> None:
    assert peak_bytes(lambda: None) == 0
