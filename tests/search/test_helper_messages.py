"""What a helper process sends and nobody can read is made anew, as after one that died."""

import os
import pickle
from multiprocessing import Pipe
from typing import Any

import pytest
from test_proposer import views

from optimerge.errors import RunError
from optimerge.search import proposer as proposers
from optimerge.search.helper import Helper, HelperError
from optimerge.search.proposer import Proposer
from optimerge.search.samplers.registry import Ask, NamedSampler


class UnreadableError(RunError):
    """A refusal that Python pickles, but cannot read again: made of two parts, kept as one."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")


def refused(ask: Ask) -> Any:
    raise UnreadableError("not in this space", "take another")


def test_what_cannot_be_read_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposers, "PATIENCE", 0.0)
    said: list[str] = []
    view = views(1, trials=2)[0]
    sampler = NamedSampler("refused", "", "", refused, ahead=True)
    with Proposer(sampler, said.append) as proposer:
        proposer.prepare(view)
        helper = proposer._helper
        assert isinstance(helper, Helper)
        assert str(proposer.take(view).refusal) == "not in this space; take another"
        assert proposer._helper is None
        assert proposer.pays, "another one is started for the next"
    with pytest.raises(ProcessLookupError):
        os.kill(helper.pid, 0)
    assert len(said) == 1
    assert "what it made cannot be read (TypeError: " in said[0]
    assert said[0].endswith("; the search goes on, and may have to wait for proposals")


MESSAGES = {"empty": b"", "cut": b"cut", "strange": pickle.dumps(UnreadableError("a", "b"))}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_is_cut_or_of_a_strange_class_is_the_helpers_error(message: bytes) -> None:
    here, there = Pipe(duplex=False)
    helper = object.__new__(Helper)
    helper._made = here
    with here, there:
        there.send_bytes(message)
        with pytest.raises(HelperError, match=r"what it made cannot be read \(\w+Error: "):
            helper.receive()
