"""What passes between dispatcher and ledger: a claim goes out, what became of its letter comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from mailing.choices import DeliveryStatus

SENDING, SENT = DeliveryStatus.SENDING, DeliveryStatus.SENT


@dataclass(slots=True, eq=False)
class Claim:
    """One letter that may be handed over now, and what composing it needs."""

    id: int
    email: str
    full_name: str
    greeting: str
    message_id: str
    tries: int  # finished before this one
    refused_before: bool = False  # among the twenty in a row that may have meant the sender
    composed: tuple[bool, bytes] | None = None  # for 8BITMIME or not, and the letter (see `Dispatcher.prepare`)

    @classmethod
    def of(cls, row: Sequence[Any]) -> Claim:
        """From an ordinary `Waiting`: its first columns are these fields."""
        return cls(*row[:6])


class DeliveryUpdate(NamedTuple):
    """What a delivery becomes."""

    id: int
    status: str
    reason: str = ""
    code: int | None = None
    response: str = ""
    tries: int = 0
    retry_at: datetime | None = None
    before: str = SENDING
    suppress_email: str = ""  # an address that is never to be written to again
    refused_before: bool = False


class Batch:
    """Outcomes that are written together. Nearly all are letters accepted with 250, which have the shortest way."""

    __slots__ = ("accepted", "others")

    def __init__(self, others: Iterable[DeliveryUpdate] = (), accepted: Iterable[tuple[int, str]] = ()) -> None:
        self.accepted = dict(accepted)  # the delivery's id: the server's words
        self.others = list(others)

    def __len__(self) -> int:
        return len(self.accepted) + len(self.others)

    def moved(self) -> Counter[str]:
        """By how much the number of deliveries in each status changes."""
        moved = Counter({SENT.value: len(self.accepted)})
        for row in self.others:
            moved[row.status] += 1
            moved[row.before] -= 1
        return moved

    def one(self) -> tuple[int, str]:
        """Any of them: its id, and the status it had before."""
        if self.accepted:
            return next(iter(self.accepted)), SENDING
        return self.others[0].id, self.others[0].before
