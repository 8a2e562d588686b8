"""The writer: the one thread that touches the database while letters leave.

It takes everything that waits (outcomes and the need for claims of all lines) into one durable transaction, then
the next: nearly per-letter truth at batch price. Django's connection hangs on the context of the caller; a commit
made from `data_received` opened one database connection per SMTP connection and halved the speed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from mailing import current_attempt
from mailing.delivery.engine.dispatcher import FOREVER, Dispatcher, Stop
from mailing.delivery.engine.ledger import Ledger
from mailing.delivery.engine.records import Batch, Claim
from mailing.delivery.guards.rate import Rate
from mailing.models import Heartbeat

logger = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_WAIT = 0.001  # seconds a group waits to grow: 26 rows become 60, 10 % less CPU
COMMIT_PAUSE = 0.005  # at most one commit in so long on SQLite while a cluster shares the file
DATABASE_PAUSE = 0.5  # between tries while the database is away


class Writer:
    """Runs from `start` until `finish`; `pulse` is called in its thread about once a second."""

    def __init__(self, ledger: Ledger, rate: Rate | None, pulse: Callable[[], Stop | None]) -> None:
        self.error: BaseException | None = None
        self._ledger, self._rate, self._pulse = ledger, rate, pulse
        self._shares_a_file = connection.vendor == "sqlite"
        self._commit_pause = 0.0
        self._every = min(1.0, settings.MAILING_LEASE_SECONDS / 4)
        self._wanted, self._hurried = threading.Event(), threading.Event()
        self._closing = False
        self._jobs: deque[Callable[[], None]] = deque()
        self._slots: deque[datetime] = deque()  # send times reserved and not used yet
        self._last_batch = 0
        self._next_pulse = self._begun = 0.0  # of time.monotonic; when the last exchange began
        self._idle_until = FOREVER

    # --- The loop's side -------------------------------------------------------------------------

    def wake(self) -> None:
        if not self._wanted.is_set():
            self._wanted.set()

    def hurry(self) -> None:
        self._hurried.set()

    def start(self, dispatcher: Dispatcher) -> None:
        self._dispatcher, self._loop = dispatcher, asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(target=current_attempt.carried(self._main), name="ledger", daemon=True)
        self._thread.start()

    def call(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Runs a job that needs the database in the writer's thread, between two commits."""
        future: asyncio.Future[T] = self._loop.create_future()

        def work() -> None:
            try:
                result = job()
            except Exception as error:  # whatever it is, it is raised where the result is awaited
                self._tell(_resolve, future, None, error)
            else:
                self._tell(_resolve, future, result, None)

        self._jobs.append(work)
        self.wake()
        return future

    async def finish(self) -> None:
        """All lines are closed: write what is left, give back what was not begun, end the thread."""
        self._closing = True
        self.wake()
        await self._ended
        self._thread.join()

    # --- The thread ------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            while not self._closing:
                self._round()
            self._flush()
        except BaseException as error:  # the thread has nobody to raise it to: the runner does, for its caller
            self.error = error
            self._tell(self._dispatcher.stop, Stop.BROKEN)
        finally:
            while self._jobs:
                self._jobs.popleft()()
            connections.close_all()
            self._tell(_resolve, self._ended, None, None)

    def _round(self) -> None:
        self._wait()
        self._beat()
        while self._jobs:
            self._jobs.popleft()()
        need = max(0, self._dispatcher.wanted(self._last_batch))  # before the outcomes: see there
        updates = self._dispatcher.take_updates()
        times, want = self._reserve(need)
        claims = self._exchange(updates, want) if updates or want else []
        if self._ledger.called_off:
            self._look_around()
        self._dispatcher.prepare(claims)
        if updates or need:
            self._last_batch = len(updates)
            self._slots.extend(times[len(claims) :])
            next_at = self._next_at(exhausted=len(claims) < want or not want)
            if need and len(claims) < want and next_at <= timezone.now():
                self.wake()  # the queue is read to its end, now for the deferred
            self._dispatcher.handed_over += len(claims)
            self._tell(self._dispatcher.arrived, claims, times[: len(claims)], next_at)

    def _flush(self) -> None:
        """The lines are closed, so this is all there is; what no line spoke of (there is none) stays in doubt."""
        updates = self._dispatcher.take_updates()
        if updates:
            self._exchange(updates, 0)
        self._retrying(lambda again: self._ledger.release(self._dispatcher.on_a_line()))

    def _wait(self) -> None:
        until_pulse = self._next_pulse - time.monotonic()
        until_more = (
            (self._idle_until - timezone.now()).total_seconds() if self._idle_until < FOREVER else until_pulse
        )
        if self._wanted.wait(max(0.0, min(until_pulse, until_more))):
            self._let_it_grow()
        self._idle_until = FOREVER
        self._wanted.clear()  # before looking: what comes from now on wakes us again

    def _let_it_grow(self) -> None:
        """The next group waits for more, unless claims run low and nobody else needs the file."""
        rest = max(GROUP_WAIT, self._begun + self._commit_pause - time.monotonic())
        if self._commit_pause:
            time.sleep(rest)
        else:
            self._hurried.wait(rest)
        self._hurried.clear()

    def _beat(self) -> None:
        if time.monotonic() >= self._next_pulse:
            self._look_around()

    def _look_around(self) -> None:
        why = self._retrying(lambda again: self._pulse())
        if self._shares_a_file:
            has_neighbours = self._retrying(lambda again: Heartbeat.objects.alive().exists())
            self._commit_pause = COMMIT_PAUSE if has_neighbours else 0.0
        self._next_pulse = time.monotonic() + self._every
        if why is not None:
            self._tell(self._dispatcher.stop, why)

    # --- The database ----------------------------------------------------------------------------

    def _exchange(self, updates: Batch, want: int) -> list[Claim]:
        self._begun = time.monotonic()
        return self._retrying(lambda again: self._ledger.exchange(updates, want, doubtful=again))

    def _retrying(self, work: Callable[[bool], T]) -> T:
        """Tries again while the database is away, for as long as the lease may still be ours."""
        begun = time.monotonic()
        again = False
        while True:
            try:
                return work(again)
            except (OperationalError, InterfaceError) as error:
                connections.close_all()
                if time.monotonic() - begun > settings.MAILING_LEASE_SECONDS:
                    raise
                logger.warning("The database does not answer, letters wait: %s", error)
                time.sleep(DATABASE_PAUSE)
                again = True

    def _reserve(self, want: int) -> tuple[list[datetime], int]:
        """Send times for the next claims and how many those are; without a rate limit, no times for any number."""
        if self._rate is None or want == 0:
            return [], want
        now = timezone.now()
        while self._slots and self._slots[0] < now - timedelta(seconds=1):
            self._slots.popleft()  # unused for too long: catching up would be a burst
        if not self._slots:
            rate = self._rate
            self._slots.extend(self._retrying(lambda again: rate.reserve(want, now)))
        times = [self._slots.popleft() for _ in range(min(want, len(self._slots)))]
        return times, len(times)

    def _next_at(self, *, exhausted: bool) -> datetime:
        """When there may be more to claim; wakes us then."""
        now = timezone.now()
        next_at = (self._ledger.queue.next_at or FOREVER) if exhausted else now
        if self._rate is not None and self._rate.free_at is not None:
            next_at = max(next_at, self._rate.free_at)
        self._idle_until = next_at if next_at > now else FOREVER
        return next_at

    def _tell(self, what: Callable[..., None], *args: object) -> None:
        self._loop.call_soon_threadsafe(what, *args)


def _resolve(future: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
