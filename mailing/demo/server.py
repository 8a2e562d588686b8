"""The demo mail server: takes letters on loopback, keeps each in a Maildir, and plays trouble on demand."""

from __future__ import annotations

import asyncio
import signal
import zlib
from mailbox import Maildir
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailing.demo import faults
from mailing.demo.faults import Fault
from mailing.demo.maildir import MAILDIR

ACCEPTED = "250 2.0.0 Ok: queued"
SILENCE = 3600  # seconds: longer than anybody waits


class Mailbox:
    """Hooks of aiosmtpd: one object for all connections."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.maildir = Maildir(directory / MAILDIR)
        self.greeted: set[str] = set()

    def fault_for(self, address: str) -> Fault:
        fault = faults.current(self.directory)
        if fault in {Fault.NONE, Fault.GREYLIST, Fault.BUSY}:
            return fault
        return fault if zlib.crc32(address.lower().encode()) % 3 == 0 else Fault.NONE

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.fault_for("") is Fault.BUSY:
            return "421 4.3.2 Too busy, come back later"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match self.fault_for(address):
            case Fault.GREYLIST if address not in self.greeted:
                self.greeted.add(address)
                return "451 4.7.1 Greylisting in action, please come back later"
            case Fault.REFUSE:
                return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown in virtual mailbox table"
            case Fault.FULL:
                return "452 4.2.2 The mailbox has no room, try again later"
            case Fault.HANG:
                await asyncio.sleep(SILENCE)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        fault = self.fault_for(envelope.rcpt_tos[0])
        if fault is Fault.DROP:
            return _cut(server)
        self._keep(envelope)
        if fault is Fault.LOSE:
            return _cut(server)
        return "Thank you, dear friend" if fault is Fault.GARBAGE else ACCEPTED

    def _keep(self, envelope: Envelope) -> None:
        to = ", ".join(envelope.rcpt_tos)
        trace = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {to}\r\n"
        assert isinstance(envelope.original_content, bytes)
        self.maildir.add(trace.encode() + envelope.original_content)


def _cut(server: SMTP) -> str:
    """Cuts the line at once; what aiosmtpd would still write goes nowhere."""
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()
    return ACCEPTED


async def serve(directory: Path, port: int, *, started: Any) -> None:
    """Serves until SIGTERM or SIGINT. Calls `started(port)` once the port is open; OSError when it cannot be."""
    keeper, loop, stopped = Mailbox(directory), asyncio.get_running_loop(), asyncio.Event()
    listening = await loop.create_server(
        lambda: SMTP(keeper, hostname="mailbox.localhost", ident="Samovar demo mailbox", loop=loop),
        host="127.0.0.1",
        port=port,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    started(listening.sockets[0].getsockname()[1])
    await stopped.wait()
    listening.close()
