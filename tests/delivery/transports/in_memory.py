"""A mail server in memory, for tests: it answers what it was told to and keeps what it accepted.

It judges by the same table as the SMTP engine and keeps the same contract.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping

from mailing.delivery.smtp import commands
from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.transport import Ending, Letter, NotOpened, Source
from mailing.delivery.transports.one_at_a_time import carry_all
from mailing.replies import Outcome, Phase, Reply, Trouble, classify

Said = tuple[Phase, Reply | Trouble]

ACCEPTED: Said = (Phase.DOT, Reply(250, "2.0.0", "2.0.0 queued"))
CAPABILITIES = Capabilities(eight_bit=True)


_POSITIVE = {Phase.AUTH: (200, 400), Phase.DATA: (300, 400)}


def _is_positive(phase: Phase, code: int) -> bool:
    """Whether the code lets the dialogue go on (DATA asks for a letter by 354, AUTH may ask for more by 334)."""
    lowest, beyond = _POSITIVE.get(phase, (200, 300))
    return lowest <= code < beyond


class MemoryTransport:
    """`answers`: what an address is told, one after the other, then `ACCEPTED`; `greetings`: the same for new lines.

    A trouble at the dot comes after the letter was accepted (the worst case). `delay`: seconds a letter takes.
    """

    def __init__(
        self,
        answers: Mapping[str, Iterable[Said]] | None = None,
        *,
        greetings: Iterable[Said] = (),
        delay: float = 0.0,
    ) -> None:
        self.answers = {to: deque(said) for to, said in (answers or {}).items()}
        self.greetings = deque(greetings)
        self.delay = delay
        self.accepted: list[Letter] = []
        self.opened = 0

    async def open(self) -> MemoryLine:
        await asyncio.sleep(0)
        if self.greetings:
            phase, answer = self.greetings.popleft()
            if isinstance(answer, Trouble) or not _is_positive(phase, answer.code):
                raise NotOpened(classify(phase, answer))
        self.opened += 1
        return MemoryLine(self)

    def answer(self, letter: Letter) -> Outcome:
        phase, answer = ACCEPTED
        if waiting := self.answers.get(letter.to):
            phase, answer = waiting.popleft()
        taken = isinstance(answer, Trouble) or _is_positive(phase, answer.code)
        if phase is Phase.DOT and taken:
            self.accepted.append(letter)
        return classify(phase, answer)


class MemoryLine:
    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport
        self._is_finished = False

    async def run(self, source: Source) -> Ending:
        return await carry_all(source, self._carry, lambda: self._is_finished)

    def finish(self) -> None:
        self._is_finished = True

    async def _carry(self, letter: Letter) -> Outcome:
        await asyncio.sleep(self._transport.delay)
        return commands.flaw(letter, CAPABILITIES) or self._transport.answer(letter)

    async def close(self) -> None:
        """Nothing to say goodbye to."""
