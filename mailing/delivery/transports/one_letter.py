"""One letter at once (a trial letter), and a look whether the service would take any (the dry run)."""

from __future__ import annotations

import asyncio

from mailing.delivery.transport import Letter, NotOpened, Transport
from mailing.delivery.transports.configured import from_settings
from mailing.replies import Outcome, Phase, Verdict


def probe(*, transport: Transport | None = None) -> Outcome:
    """Connects, says EHLO, changes to TLS, logs in and leaves. SENT means ready: nothing was sent. Blocks."""
    return asyncio.run(_probe(transport or from_settings()))


async def deliver(data: bytes, to: str, sender: str, *, transport: Transport) -> Outcome:
    """Hands over one letter (RFC 5322, CRLF, at most 7 bit: nobody knows yet what the server can do).

    Cancelled, it raises; the letter may have left.
    """
    source = _One(Letter(0, sender, to, data))
    try:
        line = await transport.open()
    except NotOpened as refusal:
        return refusal.outcome
    try:
        ending = await line.run(source)
    finally:
        await line.close()
    outcome = source.outcome or ending.outcome
    assert outcome is not None, "a fresh line decides its first letter or says why not"
    return outcome


async def _probe(transport: Transport) -> Outcome:
    try:
        line = await transport.open()
    except NotOpened as refusal:
        return refusal.outcome
    await line.close()
    return Outcome(Verdict.SENT, phase=Phase.AUTH)


class _One:
    """A source of one letter."""

    def __init__(self, letter: Letter) -> None:
        self._letter: Letter | None = letter
        self.outcome: Outcome | None = None

    def take(self, eight_bit: bool) -> Letter | None:
        letter, self._letter = self._letter, None
        return letter

    async def wait(self) -> bool:
        return False

    def done(self, letter: Letter, outcome: Outcome) -> None:
        self.outcome = outcome

    def give_back(self, letter: Letter) -> None:
        """The ending says why."""
