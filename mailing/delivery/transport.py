"""The seam between those who decide what is sent and those who carry it.

A `Transport` opens `Line`s; a line takes letters from a `Source`, in order, and tells the source what became of
each. Three carriers keep this contract (tests/delivery/transports/test_contract.py runs over all of them): the SMTP
engine (`smtp/connection.py` around `smtp/session.py` or `smtp/chunked.py`), an adapter for any Django e-mail backend
(`transports/django_backend.py`) and an in-memory twin, which lives with the tests. None of them touches the database.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mailing.replies import Outcome


@dataclass(slots=True, eq=False)
class Letter:
    """One claimed letter for one recipient.

    `data` is the plain message (RFC 5322): CRLF line ends only, the last line ended, no dot-stuffing and no final
    dot; both belong to the dialogue and are added by the session. With `composed` the sender of the letter vouches
    for all of that, for its addresses and for its being as `Source.take` was asked, and that no line begins with a
    dot: `letters.mime` does for its letters. Looking again costs 7-10 µs per 2 KB, a third of the session.
    """

    key: int  # the delivery's id, opaque for the transport
    sender: str  # envelope address, ASCII
    to: str  # envelope address, ASCII (IDNA domain)
    data: bytes
    composed: bool = False


class Source(Protocol):
    """Where a line gets its letters. All calls come from the event loop's thread; none but `wait` may block.

    For every letter taken exactly one of `done` and `give_back` is called, exactly once, before `run` returns.
    """

    def take(self, eight_bit: bool) -> Letter | None:
        """The next letter whose claim is durable, or None when none is ready now.

        With `eight_bit` its data may hold bytes over 127 (the server speaks 8BITMIME), else it is pure ASCII.
        """

    def wait(self) -> Awaitable[bool]:
        """True when `take` is worth another try, False when this line gets no more letters.

        May be called while letters are still in flight, and is cancelled when the line ends meanwhile.
        """

    def done(self, letter: Letter, outcome: Outcome) -> None:
        """The letter is decided: sent, failed, deferred, unconfirmed, or the message itself is unusable.

        Trouble of the service or of our configuration never comes here: it marks nobody (see `give_back`).
        """

    def give_back(self, letter: Letter) -> None:
        """The letter was certainly not accepted, and nobody said anything against its recipient: queue it again."""


class End(Enum):
    """Why a line stopped taking letters."""

    EXHAUSTED = "exhausted"  # the source has no more for it; every letter was decided
    RECYCLED = "recycled"  # old or worn, or the server closed it while idle: open another at once
    LOST = "lost"  # it broke in the middle of a letter, which got its own outcome (deferred or unconfirmed)
    TROUBLE = "trouble"  # the service or our configuration: `outcome` says what; letters were given back


@dataclass(frozen=True, slots=True)
class Ending:
    end: End
    outcome: Outcome | None = None  # for LOST what the letter got, for TROUBLE what the service said
    unfit: bool = False  # the server fails at CHUNKING, which it offers: to be remembered (decision 25)


class NotOpened(Exception):
    """No line: the service or our configuration is in trouble. `outcome` carries the decision.

    `detail` is what this machine saw where the server said nothing ("certificate has expired"): technical English,
    for the log and the dry run.
    """

    def __init__(self, outcome: Outcome, detail: str = "") -> None:
        super().__init__(outcome, detail)
        self.outcome = outcome
        self.detail = detail


class Line(Protocol):
    """One connection, ready for letters. It is run once, then closed."""

    async def run(self, source: Source) -> Ending:
        """Carry letters until the source has no more or the line ends. Cancelling it decides what is in flight."""

    def finish(self) -> None:
        """Take no more letters; those on their way are decided as ever, then `run` returns EXHAUSTED."""

    async def close(self) -> None:
        """Say goodbye within a short wait. Changes no outcome; may be called at any time, twice too."""


class Transport(Protocol):
    async def open(self) -> Line:
        """A new line, logged in and ready. Raises `NotOpened`.

        DNS, TCP and TLS together are bounded by SMTP_CONNECT_TIMEOUT, each exchange by SMTP_REPLY_TIMEOUT.
        """
