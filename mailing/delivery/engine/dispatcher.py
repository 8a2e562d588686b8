"""The dispatcher: claimed letters for all lines of a slice, and what the lines say became of them.

All of it happens in the event loop's thread, but for `take_updates`, `wanted` and `prepare`, which the writer's
thread calls; outcomes go over to it through a queue, so that the last one cannot be overlooked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol, TypeVar

from django.conf import settings
from django.utils import timezone

from mailing.choices import DeliveryReason, DeliveryStatus
from mailing.delivery.engine.records import Batch, Claim, DeliveryUpdate
from mailing.delivery.engine.refusal_streak import RefusalStreak
from mailing.delivery.transport import Letter
from mailing.replies import Outcome, Verdict, is_about_size

logger = logging.getLogger(__name__)

T = TypeVar("T")

LINGER = timedelta(seconds=2)  # so long connections are kept open for letters that will be ready then
PREPARED_BYTES = 65_536  # larger letters are composed only when a line takes them: a hundred of them are ready
ACCEPTED, SENT = Verdict.SENT, DeliveryStatus.SENT  # looked up once: see `session`
SAID_OF_US = 3  # so often an answer to one letter is believed to be about our speed
FOREVER = datetime.max.replace(tzinfo=UTC)


class Stop(Enum):
    """Why a slice sends nothing more."""

    NOTHING_LEFT = "nothing_left"  # for now: `Dispatcher.next_at` says when there will be something
    TIME = "time"
    ASKED = "asked"  # a signal, the cluster, somebody who waits
    PAUSED = "paused"
    CUT_SHORT = "cut_short"  # finished or ended
    SERVICE = "service"  # the breaker is open
    MESSAGE = "message"  # the message itself was refused
    BROKEN = "broken"  # the lease was lost, or the database is away


Compose = Callable[[Claim, bool], bytes]


class Wakeable(Protocol):
    """The writer, as the dispatcher sees it."""

    def wake(self) -> None:
        """There is something to write, or a line needs a claim."""

    def hurry(self) -> None:
        """Claims run low: a group that still grows is large enough."""


class Dispatcher:
    """The `Source` of all lines (see `transport`)."""

    def __init__(self, compose: Compose, sender: str, *, lines: int, writer: Wakeable, welcome: bool = False) -> None:
        self.stopped: Stop | None = None
        self.outcome: Outcome | None = None  # the words behind the stop
        self.next_at = FOREVER  # when there is something again
        self.answered = 0  # letters about which the server decided: it works
        self.accepted = 0  # of them: letters it took
        self.on_streak: Callable[[Outcome], None] = lambda outcome: None
        self.on_answer: Callable[[], None] = lambda: None  # the first one
        self.on_throttled: Callable[[Outcome, bool], None] = lambda outcome, is_news: None
        self.on_stop: Callable[[], None] = lambda: None
        self._compose, self._sender, self._lines = compose, sender, lines
        self._wake, self._hurry = writer.wake, writer.hurry
        self._low = settings.SMTP_CLAIMS_AHEAD // 2  # claims; fewer do not last for a commit
        self.handed_over = 0  # claims, counted by the writer's thread; those that arrived, by ours
        self._arrived = 0
        self._settled = 0  # claims that no line has any more and that do not wait for one
        self._ready: deque[Claim] = deque()
        self._timed: deque[tuple[float, Claim]] = deque()  # not before their send time (rate limit)
        self._resting_until = 0.0  # of the loop's clock: no letter leaves before
        self._throttled: Counter[int] = Counter()  # by letter: answers about our speed
        self._accepted_then = 0  # by the last of them
        self._out: dict[int, tuple[Claim, float]] = {}  # on a line: claim and when it was taken
        self._accepted: deque[tuple[int, str]] = deque()  # with 250: the delivery and the server's words
        self._updates: deque[DeliveryUpdate] = deque()  # everything else
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._streak = RefusalStreak(welcome=welcome)
        self._timer: asyncio.TimerHandle | None = None
        self._eight_bit = True  # what the last line asked for
        self._may_prepare = True

    # --- What lines call (transport.Source) ------------------------------------------------------

    def take(self, eight_bit: bool) -> Letter | None:
        while self._ready and self.stopped is None:
            claim = self._ready.popleft()
            if len(self._ready) == self._low:
                self._hurry()
            try:
                data = self._composed(claim, eight_bit)
            except ValueError as error:  # one client's address or values: the others get their letters
                logger.warning("The letter of delivery %s cannot be composed: %s", claim.id, type(error).__name__)
                bad = DeliveryReason.BAD_ADDRESS
                self._settled += 1
                self._record(DeliveryUpdate(claim.id, DeliveryStatus.FAILED, bad, tries=claim.tries))
                continue
            self._out[claim.id] = (claim, time.monotonic())
            return Letter(claim.id, self._sender, claim.email, data, composed=True)
        if self.stopped is None:
            self._wake()
        return None

    def _composed(self, claim: Claim, eight_bit: bool) -> bytes:
        self._eight_bit = eight_bit
        prepared = claim.composed
        if prepared is not None and prepared[0] is eight_bit:
            return prepared[1]
        return self._compose(claim, eight_bit)

    def wait(self) -> asyncio.Future[bool]:
        """A future, not a coroutine: lines ask often, and a task for each question cost 10 % of the speed."""
        waiter = asyncio.get_running_loop().create_future()
        if self.stopped is not None or self._ready:
            waiter.set_result(self.stopped is None)
            return waiter
        self._waiting.append(waiter)
        self._wake()
        return waiter

    def done(self, letter: Letter, outcome: Outcome) -> None:
        claim, _ = self._out.pop(letter.key)
        self._settled += 1
        verdict = outcome.verdict
        if verdict is ACCEPTED:
            self.accepted += 1
            self._answer()
            if claim.refused_before:
                self._streak.meant_us = True
            if outcome.code == 250:
                self._accepted.append((claim.id, outcome.response))
                self._wake()
                return
        elif verdict is Verdict.MESSAGE:
            if is_about_size(outcome):
                outcome = outcome._replace(size=len(letter.data))
            self.stop(Stop.MESSAGE, outcome)
        elif outcome.throttled and self._throttled[claim.id] < SAID_OF_US:
            self._too_fast(claim, outcome)
            return
        elif outcome.sender_side and self._is_streak(claim, outcome):
            return
        elif not outcome.sender_side and outcome.code is not None:
            self._answer()
        self._record(as_update(claim, outcome))

    def _is_streak(self, claim: Claim, outcome: Outcome) -> bool:
        """Whether its row has returned to the queue, so that it is not a refusal."""
        if not self._streak.counts(claim, accepted=self.accepted > 0):
            return False
        was_full = self._streak.is_full
        returned = self._streak.add(claim, outcome)
        for row in returned:
            self._record(row)
        if returned and not was_full:
            self.on_streak(outcome)
        return bool(returned)

    def _too_fast(self, claim: Claim, outcome: Outcome) -> None:
        """The letter goes first when we have rested; behind all others where none was accepted since the last."""
        self._throttled[claim.id] += 1
        self._settled -= 1  # it waits for a line again
        self._queue_again(claim, behind=self.accepted == self._accepted_then)
        self._accepted_then = self.accepted
        self.on_throttled(outcome, self._throttled[claim.id] == 1)

    def give_back(self, letter: Letter) -> None:
        claim, _ = self._out.pop(letter.key)
        self._queue_again(claim)

    def _queue_again(self, claim: Claim, *, behind: bool = False) -> None:
        """Before the others, who were claimed later."""
        if self._resting_until:
            (self._timed.append if behind else self._timed.appendleft)((self._resting_until, claim))
            self._release_timed()
        else:
            (self._ready.append if behind else self._ready.appendleft)(claim)
            self._call_waiting(1)

    def _answer(self) -> None:
        self._streak.claims.clear()
        self.answered += 1
        if self.answered == 1:
            self.on_answer()

    # --- What the writer brings ------------------------------------------------------------------

    def arrived(self, claims: Sequence[Claim], times: Sequence[datetime], next_at: datetime) -> None:
        """New claims, their send times (none without a rate limit), and when there may be more."""
        if times or self._resting_until:
            now = timezone.now()
            begin = asyncio.get_running_loop().time()
            moments = [begin + (at - now).total_seconds() for at in times] or [begin] * len(claims)
            self._timed.extend((max(at, self._resting_until), c) for at, c in zip(moments, claims, strict=True))
            self._release_timed()
        else:
            self._ready.extend(claims)
            self._call_waiting(len(claims))
        self._arrived += len(claims)
        self.next_at = next_at
        if next_at - timezone.now() > LINGER and self.is_idle:
            self.stop(Stop.NOTHING_LEFT)

    def rest(self, seconds: float) -> None:
        """No letter leaves for so long. What is on a line goes on."""
        self._resting_until = until = asyncio.get_running_loop().time() + seconds
        waiting = [(until, claim) for claim in self._ready]
        self._ready.clear()
        self._timed = deque(waiting + [(max(until, at), claim) for at, claim in self._timed])
        self._release_timed()

    def _release_timed(self) -> None:
        loop = asyncio.get_running_loop()
        if self._resting_until <= loop.time():
            self._resting_until = 0.0
        while self._timed and self._timed[0][0] <= loop.time():
            self._ready.append(self._timed.popleft()[1])
            self._call_waiting(1)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._timed[0][0], self._release_timed) if self._timed else None

    @property
    def is_idle(self) -> bool:
        """Nothing is claimed, on a line, or waiting to be written."""
        return not (self._ready or self._timed or self._out or self._accepted or self._updates)

    def offer(self) -> None:
        """A line has ended: what it was called for is for somebody else."""
        self._call_waiting(len(self._ready))

    def _call_waiting(self, count: int) -> None:
        while self._waiting and count > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(True)
                count -= 1

    # --- Stopping --------------------------------------------------------------------------------

    def stop(self, why: Stop, outcome: Outcome | None = None) -> None:
        """No further letter is handed out; the first reason stands."""
        if self.stopped is not None:
            return
        self.stopped, self.outcome = why, outcome
        if self._timer is not None:
            self._timer.cancel()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(False)
        self.on_stop()
        self._wake()

    def on_a_line(self, before: float | None = None) -> Collection[int]:
        """Deliveries that are on a line (since before a moment of `time.monotonic`)."""
        return [pk for pk, (_, taken) in self._out.items() if before is None or taken < before]

    # --- What the writer's thread calls ----------------------------------------------------------

    def prepare(self, claims: Sequence[Claim]) -> None:
        """Composes what was claimed, durably by now, while the loop's thread waits for the network anyway."""
        for claim in claims if self._may_prepare else ():
            try:
                data = self._compose(claim, self._eight_bit)
            except ValueError:
                continue  # said when a line takes it
            claim.composed = (self._eight_bit, data)
            if len(data) > PREPARED_BYTES:
                self._may_prepare = False
                return

    def take_updates(self) -> Batch:
        """The outcomes so far, each handed over once."""
        return Batch(_drain(self._updates), _drain(self._accepted))

    def wanted(self, last_batch: int) -> int:
        """How many more letters to claim: a little ahead of the lines, and never less than idle ones need.

        Asked before `take_updates`, so that no more than SMTP_CLAIMS_AHEAD + 2 K rows ever stand as being sent: a
        letter settled in between has left `_ready` only after it was counted, and its row is written with the claims.
        """
        if self.stopped is not None:
            return 0
        idle = sum(not waiter.done() for waiter in tuple(self._waiting))  # cancelled ones ask for nothing
        most = settings.SMTP_CLAIMS_AHEAD
        out = len(self._out)
        piped = out if out > 2 * self._lines else 0  # lines that take several at once
        ahead = max(self._lines + idle, 2 * last_batch, piped)
        want = max(idle, min(ahead, most)) - self._claimed_ahead()
        return min(want, most + 2 * self._lines - (self.handed_over - self._settled))

    def _claimed_ahead(self) -> int:
        """Claims that no line has taken. Those on their way to us first: one that arrives meanwhile counts twice."""
        on_their_way = self.handed_over - self._arrived
        return on_their_way + len(self._ready) + len(self._timed)

    def _record(self, update: DeliveryUpdate) -> None:
        self._updates.append(update)
        self._wake()


def _drain(queue: deque[T]) -> Iterator[T]:
    """What stands in it now; more may come meanwhile."""
    return (queue.popleft() for _ in range(len(queue)))


def as_update(claim: Claim, outcome: Outcome) -> DeliveryUpdate:
    """The outcome of a letter as the ledger writes it."""
    tries = claim.tries + 1
    verdict, code, response = outcome.verdict, outcome.code, outcome.response
    if verdict is ACCEPTED:
        return DeliveryUpdate(claim.id, SENT, "", code, response, tries)
    if verdict is Verdict.DEFERRED:
        delays = settings.MAILING_RETRY_DELAYS
        if tries <= len(delays):
            retry_at = timezone.now() + timedelta(seconds=delays[tries - 1])
            return DeliveryUpdate(claim.id, DeliveryStatus.DEFERRED, "", code, response, tries, retry_at)
        return DeliveryUpdate(claim.id, DeliveryStatus.FAILED, DeliveryReason.TRIES_USED_UP, code, response, tries)
    status = DeliveryStatus.UNCONFIRMED if verdict is Verdict.UNCONFIRMED else DeliveryStatus.FAILED
    reason = outcome.reason or DeliveryReason.REFUSED
    suppress_email = claim.email if outcome.suppress else ""
    return DeliveryUpdate(claim.id, status, reason, code, response, tries, suppress_email=suppress_email)
