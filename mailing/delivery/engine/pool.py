"""The pool: so many lines, all fed by one dispatcher, none waiting for another.

The first line must have brought a letter to the server before others are opened, and never are more being opened
than are open: wrong settings and refused logins are tried once, a limit of connections costs a few refusals. How many
lines there may be, the `Allowance` says. Trouble of the service is counted by the breaker; when it opens, the
dispatcher stops.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Any

from django.utils import timezone

from mailing.delivery.engine.dispatcher import Dispatcher, Stop
from mailing.delivery.engine.writer import Writer
from mailing.delivery.guards import chunking, circuit_breaker
from mailing.delivery.guards.allowance import Allowance
from mailing.delivery.transport import End, Ending, Line, NotOpened, Transport
from mailing.replies import Outcome, Phase, Verdict

logger = logging.getLogger(__name__)

RECONNECT_PAUSE = 0.5  # seconds after a failure that did not open the breaker
HEARD_OUT = 1.0  # seconds the first letter is waited for: MAIL is answered by then, a dot may take minutes
FRESH = 10.0  # seconds a line that was let in speaks for others: a password may be changed in the middle of a run
BEFORE_LOGIN = frozenset({Phase.CONNECT, Phase.EHLO})

Limited = Callable[[int, float], None]


class Pool:
    """`on_limited` is called in the writer's thread when the allowance changes: how many lines, and its patience."""

    def __init__(
        self,
        transport: Transport,
        dispatcher: Dispatcher,
        writer: Writer,
        *,
        size: int,
        probing: bool,
        allowance: Allowance | None = None,
        on_limited: Limited = lambda lines, patience: None,
    ) -> None:
        self.until: datetime | None = None  # the breaker is open
        self._transport, self._dispatcher, self._writer = transport, dispatcher, writer
        self._size, self._probing = size, probing
        self._allowance, self._on_limited = allowance or Allowance(size), on_limited
        self._growth: asyncio.TimerHandle | None = None
        self._may_grow = False  # the server has decided about a letter, or takes its time
        self._opening = 0
        self._lines: dict[Line, None] = {}  # open, oldest first
        self._through_at = -inf  # when a line was let in last, and no trouble since
        self._waiting: set[asyncio.Future[None]] = set()
        self._resting: asyncio.TimerHandle | None = None  # no clock is asked: timers may go off before their time
        self._trouble_at = self._full_at = 0.0
        self._answered = self._accepted = 0  # by the time of the last trouble
        self._reports: set[asyncio.Task[None]] = set()
        dispatcher.on_answer = self._proved
        dispatcher.on_stop = self._look_again
        dispatcher.on_streak = self._many_refused
        dispatcher.on_throttled = self._slower

    async def run(self) -> None:
        """Carries letters until the dispatcher stops. Cancelling it decides what is in flight."""
        lines = [asyncio.create_task(self._line()) for _ in range(self._size)]
        self._grow_later()
        try:
            await asyncio.gather(*lines)
            await asyncio.gather(*self._reports)
        finally:
            if self._growth is not None:
                self._growth.cancel()
            for line in lines:
                line.cancel()
            await asyncio.gather(*lines, return_exceptions=True)

    async def _line(self) -> None:
        while await self._until(self._may_open):
            begun = time.monotonic()
            self._opening += 1
            try:
                line = await self._open(begun)
            finally:
                self._opening -= 1
                self._look_again()
            if line is not None:
                await self._carry(line, begun)

    async def _carry(self, line: Line, begun: float) -> None:
        try:
            outcome = await self._carried(line)
            if outcome is not None and outcome.throttled:
                self._slower(outcome)
            elif outcome is not None:
                await self._trouble(outcome, begun)
        finally:
            del self._lines[line]  # not before it is closed: the server counts it
            self._look_again()

    async def _carried(self, line: Line) -> Outcome | None:
        """What the service said, where that was the end of the line."""
        try:
            ending = await line.run(self._dispatcher)
            trouble = _trouble_of(ending)
            if trouble is not None:
                self._through_at = -inf  # before anybody opens another
        finally:
            self._dispatcher.offer()
            await line.close()
        if ending.unfit:
            await self._writer.call(lambda: chunking.failed(timezone.now()))
        return trouble

    # --- Who may open a line ---------------------------------------------------------------------

    def _may_open(self) -> bool:
        """As many at the same time as are open; alone when no line was let in for a while."""
        together = len(self._lines) if time.monotonic() - self._through_at < FRESH else 0
        return self._has_room(1) and self._opening < max(1, together)

    def _has_room(self, more: int) -> bool:
        allowed = self._allowance.lines if self._may_grow else 1
        return len(self._lines) + self._opening + more <= allowed and self._resting is None

    async def _until(self, may: Callable[[], bool]) -> bool:
        """Waits for it; False: the dispatcher has stopped."""
        while self._dispatcher.stopped is None and not may():
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                await waiter
            finally:
                self._waiting.discard(waiter)
        return self._dispatcher.stopped is None

    def _look_again(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def _open(self, begun: float) -> Line | None:
        """A line as soon as there is a letter for it."""
        if not await self._dispatcher.wait():
            return None
        if not self._has_room(0):
            self._dispatcher.offer()
            return None
        try:
            line = await self._transport.open()
        except NotOpened as error:
            self._dispatcher.offer()
            await self._not_opened(error.outcome, begun)
            return None
        self._let_in(line, begun)
        return line

    def _let_in(self, line: Line, begun: float) -> None:
        is_first = self._through_at == -inf
        self._lines[line] = None
        self._through_at = time.monotonic()
        if begun < self._full_at:
            self._allowance.let_in(len(self._lines))
        elif len(self._lines) > self._allowance.lines:
            line.finish()
        if is_first and not (self._may_grow or self._probing):
            asyncio.get_running_loop().call_later(HEARD_OUT, self._go_together)

    def _go_together(self) -> None:
        self._may_grow = True
        self._look_again()

    # --- The allowance ---------------------------------------------------------------------------

    async def _not_opened(self, outcome: Outcome, begun: float) -> None:
        """Where others work it is one too many."""
        if self._lines and _is_one_too_many(outcome):
            self._full(outcome, begun)
        elif outcome.throttled:
            self._slower(outcome)
        else:
            await self._trouble(outcome, begun)

    def _full(self, outcome: Outcome, begun: float) -> None:
        """The lines that are open go on; those refused at the same time are one event."""
        if begun < self._full_at:
            return
        self._full_at = time.monotonic()
        logger.info("The mail server takes no more than %s connections (%s)", len(self._lines), outcome.code)
        self._allowance.full(len(self._lines))
        self._changed()

    def _slower(self, outcome: Outcome, is_news: bool = True) -> None:
        """All rest. What is said meanwhile was said of the same letters."""
        if self._resting is not None:
            return
        lines, accepted = max(1, len(self._lines)), self._dispatcher.accepted
        seconds = self._allowance.too_fast(lines, accepted, is_news=is_news)
        logger.info(
            "Too fast (%s): we rest for %g s, then up to %s lines", outcome.code, seconds, self._allowance.lines
        )
        self._full_at = 0.0
        self._dispatcher.rest(seconds)
        self._resting = asyncio.get_running_loop().call_later(seconds, self._rested)
        for line in list(self._lines)[self._allowance.lines :]:
            line.finish()
        if self._allowance.is_in_vain and is_news:
            self._report_later(outcome, at_once=False)
        self._changed()

    def _rested(self) -> None:
        self._resting = None
        self._look_again()

    def _changed(self) -> None:
        lines, patience = self._allowance.lines, self._allowance.patience
        self._tell(lambda: self._on_limited(lines, patience))
        self._grow_later()

    def _grow_later(self) -> None:
        if self._growth is not None:
            self._growth.cancel()
        self._growth = None
        if self._allowance.is_limited and self._dispatcher.stopped is None:
            self._growth = asyncio.get_running_loop().call_later(self._allowance.patience, self._grow)

    def _grow(self) -> None:
        """Only past lines that are in use: else nobody would find out."""
        if len(self._lines) >= min(self._allowance.lines, self._size):
            self._allowance.grow()
            self._changed()
            self._look_again()
        else:
            self._grow_later()

    # --- Trouble ---------------------------------------------------------------------------------

    def _proved(self) -> None:
        """The server decided about a letter: it works."""
        self._probing = False
        self._go_together()
        self._tell(circuit_breaker.succeeded)

    async def _trouble(self, outcome: Outcome, begun: float) -> None:
        """Counts it, unless it is another end of the same event: a restarted server drops all lines at once."""
        at_once = outcome.verdict is Verdict.CONFIGURATION
        if begun < self._trouble_at and not at_once:
            return
        self._trouble_at, self._through_at = time.monotonic(), -inf
        await self._report(outcome, at_once=at_once)
        if self.until is None:
            await asyncio.sleep(RECONNECT_PAUSE)

    def _many_refused(self, outcome: Outcome) -> None:
        """So many refusals in a row that may mean us: no use going on with the next."""
        self._dispatcher.stop(Stop.SERVICE, outcome)
        self._report_later(outcome, at_once=True)

    def _report_later(self, outcome: Outcome, *, at_once: bool) -> None:
        task = asyncio.get_running_loop().create_task(self._report(outcome, at_once=at_once))
        self._reports.add(task)

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

    def _tell(self, job: Callable[[], Any]) -> None:
        """Nobody waits for it; a database that does not answer now is seen by the next exchange."""
        self._writer.call(job).add_done_callback(_noted)


def _noted(future: asyncio.Future[Any]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.warning("Not noted: %s", error)


def _is_one_too_many(outcome: Outcome) -> bool:
    """Refused while others work: a limit, unless it is about the login, which nobody should try K times."""
    greeted = outcome.phase in BEFORE_LOGIN and outcome.code is not None
    return outcome.verdict is Verdict.SERVICE or greeted


def _trouble_of(ending: Ending) -> Outcome | None:
    """A line lost after the dot marks its letter, and counts against the service, too (decision 0011)."""
    outcome = ending.outcome
    vanished = ending.end is End.LOST and outcome is not None and outcome.verdict is Verdict.UNCONFIRMED
    return outcome if ending.end is End.TROUBLE or vanished else None
