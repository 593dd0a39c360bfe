"""Has proposals made while the candidate before is scored, so that the device need not wait.

    proposer.prepare(view)       # as soon as a candidate is begun: what the next one depends on
    ... score ...
    made = proposer.take(view)   # the same view, by the rule of `optimerge.search.seen`

A proposal depends on its view alone, so where, when and how often it is made makes no difference.
It is made in a helper process once proposing has taken long enough to pay for one; in the search
itself before that, for samplers that do not propose ahead, and wherever the helper fails.
"""

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from optimerge.search.helper import Helper, HelperError
from optimerge.search.making import Made, make_proposal
from optimerge.search.proposals import View
from optimerge.search.samplers.registry import NamedSampler
from optimerge.search.samplers.unrepeated import known_keys
from optimerge.space.points import key_of

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that proposing may take in all before a helper is started, which takes as long."""
HELPERS = 3
"""How many helper processes are tried in one search."""


class AnyHelper(Protocol):
    """What a proposer needs of its helper; all raise HelperError when it is of no more use."""

    def send(self, view: View) -> None:
        """Hand over what the next proposal depends on."""
        ...

    def receive(self) -> Made:
        """Wait for the proposal."""
        ...

    def close(self) -> None:
        """End it, at once."""
        ...


class Proposer:
    """Makes the proposals of one search; a context manager, which ends the helper."""

    def __init__(
        self,
        sampler: NamedSampler,
        warn: Callable[[str], None] = lambda _: None,
        start: Callable[[NamedSampler], AnyHelper] = Helper,
    ) -> None:
        """Make one; no process is started yet. `warn` is told of a helper that failed, once."""
        self.sampler = sampler
        self._warn, self._start = warn, start
        self._helper: AnyHelper | None = None
        self._prepared: View | None = None
        self._spent, self._failed = 0.0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def pays(self) -> bool:
        """Whether it is worth a process to prepare proposals."""
        return self.sampler.ahead and self._spent >= PATIENCE and self._failed < HELPERS

    def prepare(self, view: View) -> None:
        """Have the proposal made that will be taken next, if that pays."""
        if not self.pays:
            return
        try:
            if self._prepared is not None:
                self._close()  # it is at a proposal that nobody took
            if self._helper is None:
                self._helper = self._start(self.sampler)
            self._helper.send(view)
            self._prepared = view
        except HelperError as error:
            self._give_up(error)

    def take(self, view: View, *, shared: bool = False) -> Made:
        """Return the proposal for a view: the one that was prepared for it, else one made now.

        `shared`: other workers are at work on the run, so that the trials change all the time; one
        that was prepared for those of a moment ago will do, if its point is still new.
        """
        made = self._received(view, shared) or make_proposal(view, self.sampler)
        self._spent += made.seconds
        return made

    def _received(self, view: View, shared: bool) -> Made | None:
        prepared, self._prepared = self._prepared, None
        if prepared is None or self._helper is None:
            return None
        if prepared != view and not shared:
            log.info("the trials have changed since the next proposal was asked for")
            self._close()
            return None
        try:
            made = self._helper.receive()
        except HelperError as error:
            self._give_up(error)
            return None
        return made if prepared == view or _is_new(made, view) else None

    def _give_up(self, error: HelperError) -> None:
        self._close()
        self._failed += 1
        log.warning("the process that makes proposals beside the search failed: %s", error)
        if self._failed == 1:
            self._warn(
                f"the process that makes proposals beside the search failed: {error}; the search "
                "goes on, and may have to wait for proposals"
            )

    def _close(self) -> None:
        self._prepared = None
        if self._helper is not None:
            self._helper.close()
            self._helper = None


def _is_new(made: Made, view: View) -> bool:
    """Whether a proposal's point is none that has been begun since it was asked for."""
    if made.proposal is None:
        return False
    point = key_of(view.space, made.proposal.params)
    return point not in known_keys(view.space, view.trials)
