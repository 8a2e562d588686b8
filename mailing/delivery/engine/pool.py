"""The pool: so many lines, all fed by one dispatcher, none waiting for another.

The first line must be through before others are opened, so a wrong password is tried once. Trouble of the service
is counted by the breaker; when it opens, the dispatcher stops.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from django.utils import timezone

from mailing.delivery.engine.dispatcher import Dispatcher, Stop
from mailing.delivery.engine.writer import Writer
from mailing.delivery.guards import chunking, circuit_breaker
from mailing.delivery.transport import End, Ending, Line, NotOpened, Transport
from mailing.replies import Outcome, Verdict

RECONNECT_PAUSE = 0.5  # seconds after a failure that did not open the breaker


class Pool:
    def __init__(
        self, transport: Transport, dispatcher: Dispatcher, writer: Writer, *, size: int, probing: bool
    ) -> None:
        self.until: datetime | None = None  # the breaker is open
        self._transport, self._dispatcher, self._writer = transport, dispatcher, writer
        self._size, self._probing = size, probing
        self._through = False  # a line could be opened, and no trouble since
        self._gate = asyncio.Lock()
        self._may_grow = asyncio.Event()
        self._trouble_at = 0.0
        self._answered = self._accepted = 0  # by the time of the last trouble
        self._streaks: set[asyncio.Task[None]] = set()
        dispatcher.on_answer = self._proved
        dispatcher.on_stop = self._may_grow.set
        dispatcher.on_streak = self._many_refused

    async def run(self) -> None:
        """Carries letters until the dispatcher stops. Cancelling it decides what is in flight."""
        lines = [asyncio.create_task(self._line(first=n == 0)) for n in range(self._size)]
        try:
            await asyncio.gather(*lines)
            await asyncio.gather(*self._streaks)
        finally:
            for line in lines:
                line.cancel()
            await asyncio.gather(*lines, return_exceptions=True)

    async def _line(self, *, first: bool) -> None:
        if not first:
            await self._may_grow.wait()
        while await self._dispatcher.wait():
            begun = time.monotonic()
            line = await self._open(begun)
            if line is None:
                continue
            try:
                ending = await line.run(self._dispatcher)
            finally:
                self._dispatcher.offer()
                await line.close()
            if ending.unfit:
                await self._writer.call(lambda: chunking.failed(timezone.now()))
            if ending.outcome is not None and _is_trouble(ending):
                await self._trouble(ending.outcome, begun)

    async def _open(self, begun: float) -> Line | None:
        if self._through:
            return await self._try_to_open(begun)
        async with self._gate:
            if self._dispatcher.stopped is not None:
                return None
            line = await self._try_to_open(time.monotonic())
            if line is not None:
                self._through = True
                if not self._probing:
                    self._may_grow.set()
            return line

    async def _try_to_open(self, begun: float) -> Line | None:
        try:
            return await self._transport.open()
        except NotOpened as error:
            await self._trouble(error.outcome, begun)
            return None

    # --- Trouble ---------------------------------------------------------------------------------

    def _proved(self) -> None:
        """The server decided about a letter: it works."""
        self._probing = False
        self._may_grow.set()
        self._writer.call(circuit_breaker.succeeded)

    async def _trouble(self, outcome: Outcome, begun: float) -> None:
        """Counts it, unless it is another end of the same event: a restarted server drops all lines at once."""
        at_once = outcome.verdict is Verdict.CONFIGURATION
        if begun < self._trouble_at and not at_once:
            return
        self._trouble_at, self._through = time.monotonic(), False
        await self._report(outcome, at_once=at_once)
        if self.until is None:
            await asyncio.sleep(RECONNECT_PAUSE)

    def _many_refused(self, outcome: Outcome) -> None:
        """So many refusals in a row that may mean us: no use going on with the next."""
        self._dispatcher.stop(Stop.SERVICE, outcome)
        task = asyncio.get_running_loop().create_task(self._report(outcome, at_once=True))
        self._streaks.add(task)

    async def _report(self, outcome: Outcome, *, at_once: bool) -> None:
        answered, probing = self._works(outcome), self._probing

        def count() -> datetime | None:
            if answered:
                circuit_breaker.succeeded()
            return circuit_breaker.failed(outcome.response, timezone.now(), at_once=at_once, probing=probing)

        self.until = await self._writer.call(count)
        if self.until is not None:
            self._dispatcher.stop(Stop.SERVICE, outcome)

    def _works(self, outcome: Outcome) -> bool:
        """Whether the server works since the last trouble. Where letters vanish, only one it took proves it."""
        answered, accepted = self._dispatcher.answered > self._answered, self._dispatcher.accepted > self._accepted
        self._answered, self._accepted = self._dispatcher.answered, self._dispatcher.accepted
        return accepted if outcome.verdict is Verdict.UNCONFIRMED else answered


def _is_trouble(ending: Ending) -> bool:
    """A line lost after the dot marks its letter, and counts against the service, too (decision 0011)."""
    vanished = ending.outcome is not None and ending.outcome.verdict is Verdict.UNCONFIRMED
    return ending.end is End.TROUBLE or (ending.end is End.LOST and vanished)
