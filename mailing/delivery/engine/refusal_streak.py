"""Refusals in a row that may mean the sender: twenty are trouble of the service, and mark nobody (rule 5 of a run).

What tells them from twenty dead addresses: decision 0004.
"""

from __future__ import annotations

from mailing.choices import DeliveryStatus
from mailing.delivery.engine.records import SENDING, Claim, DeliveryUpdate
from mailing.replies import Outcome

LENGTH = 20
QUEUED, FAILED = DeliveryStatus.QUEUED, DeliveryStatus.FAILED


class RefusalStreak:
    """`welcome`: the service took letters of others since it refused ours. Clear `claims` when it is broken."""

    def __init__(self, *, welcome: bool) -> None:
        self.claims: list[Claim] = []
        self.meant_us = False  # somebody who was refused before has been accepted: a limit, not a dead address
        self._welcome = welcome

    @property
    def is_full(self) -> bool:
        return len(self.claims) >= LENGTH

    def counts(self, claim: Claim, *, accepted: bool) -> bool:
        """Not a recipient who was refused before, when somebody's letter was accepted since: then it means him."""
        means_him = claim.refused_before and (self._welcome or accepted)
        return self.meant_us or not means_him

    def add(self, claim: Claim, outcome: Outcome) -> list[DeliveryUpdate]:
        """The rows that return to the queue: none before the twentieth, then all of them, and each later one."""
        if self.is_full:
            return [_returned(claim, outcome)]
        self.claims.append(claim)
        if len(self.claims) < LENGTH:
            return []
        return [_returned(one, outcome, before=FAILED) for one in self.claims[:-1]] + [_returned(claim, outcome)]


def _returned(claim: Claim, outcome: Outcome, before: str = SENDING) -> DeliveryUpdate:
    """Back in the queue with the server's words, remembered as refused."""
    return DeliveryUpdate(
        claim.id,
        QUEUED,
        code=outcome.code,
        response=outcome.response,
        tries=claim.tries,
        before=before,
        refused_before=True,
    )
