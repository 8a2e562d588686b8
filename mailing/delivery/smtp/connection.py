"""The dialogue on asyncio: one connection that carries letters.

A plain Protocol (streams cost 7-28 %): the dialogue is called straight from `data_received`. Deadlines cost one clock
reading per turn: the only timer of a connection looks at `session.deadline` when it fires, and is never further away
than the shortest limit, so that no deadline set later can lie before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.smtp.chunked import Chunked
from mailing.delivery.smtp.dialogue import Dialogue
from mailing.delivery.smtp.experience import Experience
from mailing.delivery.smtp.options import Options
from mailing.delivery.smtp.session import Session
from mailing.delivery.transport import Ending, Source
from mailing.replies import Trouble

QUIT_WAIT = 1.0  # seconds for the answer to QUIT and the end of TLS; no outcome depends on them


class Connection(asyncio.Protocol):
    """See `transport.Line`."""

    def __init__(
        self,
        options: Options,
        capabilities: Capabilities,
        transport: asyncio.Transport,
        experience: Experience | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._session = self._dialogue(options, capabilities, experience or Experience())
        self._shortest = min(options.reply_timeout, options.dot_timeout, options.letter_budget)
        self._asking: asyncio.Future[bool] | None = None  # what the source was asked and has not answered
        self._over = self._loop.create_future()  # resolved when the session is over
        self._parted = self._loop.create_future()  # resolved by the answer to QUIT, or the end of the line
        self._error: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    def _dialogue(self, options: Options, capabilities: Capabilities, experience: Experience) -> Dialogue:
        """By BDAT where the server has it and everything else speaks for it."""
        transport, clock = self._transport, self._loop.time
        if options.pipeline < 2 or not (capabilities.chunking and capabilities.pipelining and experience.is_good):
            return Session(options, capabilities, transport.write, clock)
        # We are to hear of the first byte that the network does not take. Under TLS 0 would never be undershot, and
        # what stands in TLS's own buffer counts as taken: rather unconfirmed than sent twice.
        transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0, low=0)
        return Chunked(options, capabilities, transport.write, clock, cut=self._cut, experience=experience)

    def _cut(self) -> None:
        """Not one byte more leaves. `abort` comes too late: uvloop closes in its next turn, and may write before."""
        connection = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)
        self._transport.abort()

    # --- transport.Line -----------------------------------------------------------------------------

    async def run(self, source: Source) -> Ending:
        self._source = source
        try:
            self._begin()
            await self._over
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._session.abandon()
            self._look()
            if not self._session.orderly:
                self._transport.abort()
        if self._error is not None:
            raise self._error
        assert self._session.ending is not None
        return self._session.ending

    def _begin(self) -> None:
        if self._transport.is_closing():
            self._session.fail(Trouble.LOST)
        self._session.start(self._source)
        self._watch()
        self._look()

    def finish(self) -> None:
        self._session.finish()
        self._look()

    async def close(self) -> None:
        if self._session.orderly and not self._transport.is_closing():
            self._session.abandon()
            self._transport.write(b"QUIT\r\n")
            await asyncio.wait({self._parted}, timeout=min(QUIT_WAIT, self._shortest))
        self._transport.abort()

    # --- called by asyncio --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        session = self._session
        if session.ending is not None:
            self._part()
            return
        session.receive(data)
        if session.hungry or session.ending is not None:
            self._look()

    def connection_lost(self, error: Exception | None) -> None:
        if not isinstance(error, OSError):
            self._error = error  # not the network: a source that raised
        self._part()
        self._session.fail(Trouble.LOST)
        self._look()

    def _part(self) -> None:
        if not self._parted.done():
            self._parted.set_result(None)

    def pause_writing(self) -> None:
        self._session.pause(True)

    def resume_writing(self) -> None:
        self._session.pause(False)
        self._look()

    # --- the source ---------------------------------------------------------------------------------

    def _look(self) -> None:
        """Does what the session wants from outside: letters, or an end."""
        if self._session.over:
            if not self._over.done():
                self._over.set_result(None)
            if self._asking is not None:
                self._asking.cancel()
        elif self._session.hungry and self._asking is None:
            # No task: lines ask four times in ten letters, and a task for each question cost 10 % of the speed.
            self._asking = asyncio.ensure_future(self._source.wait())
            self._asking.add_done_callback(self._answered)

    def _answered(self, asking: asyncio.Future[bool]) -> None:
        self._asking = None
        if self._session.over or asking.cancelled():
            return
        try:
            if asking.result():
                self._session.resume()
            else:
                self._session.finish()
        except Exception as error:  # the source raised, as in `data_received`
            self._transport.abort()
            self.connection_lost(error)
        self._look()

    # --- deadlines ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        now = self._loop.time()
        if self._session.deadline <= now:
            self._session.fail(Trouble.TIMEOUT)
            self._look()
        if not self._session.over:
            moment = min(self._session.deadline, self._session.patience, now + self._shortest)
            self._timer = self._loop.call_at(moment, self._watch)
