"""The runner: dispatcher, writer and pool at work on one attempt until something ends it. It knows no mailings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import uvloop
from django.conf import settings

from mailing.delivery.engine.dispatcher import Compose, Dispatcher, Stop
from mailing.delivery.engine.ledger import Ledger
from mailing.delivery.engine.pool import Pool
from mailing.delivery.engine.writer import Writer
from mailing.delivery.guards.allowance import Allowance
from mailing.delivery.guards.rate import Rate, interval
from mailing.delivery.transport import Transport
from mailing.replies import Outcome

TURN = 0.2  # seconds between two looks at the clock and at who wants us to stop
GRACE = 10.0  # seconds for the letters in flight when we are asked to go


@dataclass(frozen=True)
class RunnerOptions:
    """What the runner is told; `stop` and `progress` are called by the event loop and must not touch the database."""

    compose: Compose
    sender: str
    lines: int
    seconds: float
    probing: bool
    stop: Callable[[], bool]
    progress: Callable[[Ledger], None]
    pulse: Callable[[], Stop | None]  # called in the writer's thread, about once a second
    allowance: Allowance | None = None  # as the last slice left it; None: all lines
    limited: Callable[[int, float], None] = lambda lines, patience: None  # in the writer's thread: see `Pool`
    welcome: bool = False  # the service took letters of others since it refused ours


@dataclass(frozen=True)
class RunnerReport:
    stopped: Stop
    outcome: Outcome | None  # the words behind it
    until: datetime | None  # the breaker is open
    next_at: datetime  # when the dispatcher expects something again
    answered: int  # letters the server decided about


def run(transport: Transport, ledger: Ledger, options: RunnerOptions) -> RunnerReport:
    """Sends until there is nothing left or something stops it. Raises LeaseLost, or what the database said."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(transport, ledger, options))


async def _run(transport: Transport, ledger: Ledger, options: RunnerOptions) -> RunnerReport:
    between = interval(settings.MAILING_RATE_LIMIT)
    writer = Writer(ledger, Rate(between) if between else None, options.pulse)
    dispatcher = Dispatcher(
        options.compose, options.sender, lines=options.lines, writer=writer, welcome=options.welcome
    )
    pool = Pool(
        transport,
        dispatcher,
        writer,
        size=options.lines,
        probing=options.probing,
        allowance=options.allowance,
        on_limited=options.limited,
    )
    writer.start(dispatcher)
    sending = asyncio.create_task(pool.run())
    try:
        await _watch(sending, dispatcher, ledger, options)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await writer.finish()
    if writer.error is not None:
        raise writer.error
    if not sending.cancelled():
        sending.result()
    return RunnerReport(
        dispatcher.stopped or Stop.NOTHING_LEFT,
        dispatcher.outcome,
        pool.until,
        dispatcher.next_at,
        dispatcher.answered,
    )


async def _watch(sending: asyncio.Task[None], dispatcher: Dispatcher, ledger: Ledger, options: RunnerOptions) -> None:
    """Ends it in time. The letters in flight are waited for; how long, depends on who asks."""
    over = time.monotonic() + options.seconds
    last = over + settings.SMTP_LETTER_BUDGET
    patience: float | None = None
    while not sending.done():
        await asyncio.wait([sending], timeout=TURN)
        now = time.monotonic()
        options.progress(ledger)
        if options.stop():
            dispatcher.stop(Stop.ASKED)
            patience = patience or now + GRACE
        if dispatcher.stopped is Stop.BROKEN:
            patience = patience or now + GRACE
        # A slow letter must not hold the others: they go on until it is decided.
        if now > over and (now > last or not dispatcher.on_a_line(before=over)):
            dispatcher.stop(Stop.TIME)
        if now > (patience or last + GRACE):
            return
