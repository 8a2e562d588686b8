"""Somebody on the way puts bytes into the clear part of a conversation, so that they pass for answers under TLS.

CVE-2011-0411 and its relatives ("NO STARTTLS", 2021). The server is real in all but the injected bytes, and would
take the login and the letter. Neither crosses, and the reason is told.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from django.conf import LazySettings

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transport import NotOpened
from mailing.delivery.transports.configured import DJANGO_SMTP
from mailing.models import Attempt
from mailing.replies import Phase, Trouble, Verdict
from tests.delivery.carrying import in_a_loop, options
from tests.factories import ClientFactory
from tests.services.runs.working import run, start
from tests.smtp.script import Fault
from tests.smtp.server import AUTHORITY, CERTIFICATES, running

LOGIN = {"security": "starttls", "user": "me", "password": "only ours"}
EHLO = b"250-mx.test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"
GO = b"220 go ahead\r\n"
FORGED = b"250-mx.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n"
PAUSE = 0.05  # seconds: another packet

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]


def at_once(*packets: bytes) -> Say:
    """Each in a packet of its own."""

    async def say(writer: asyncio.StreamWriter) -> None:
        for number, packet in enumerate(packets):
            if number:
                await asyncio.sleep(PAUSE)
            writer.write(packet)
            await writer.drain()

    return say


class Injected:
    """A server that says this in answer to EHLO and to STARTTLS, and this in the place of its part of TLS."""

    def __init__(self, ehlo: Say, starttls: Say, instead_of_tls: bytes = b"", hidden: bytes = b"") -> None:
        self.ehlo, self.starttls, self.instead_of_tls, self.hidden = ehlo, starttls, instead_of_tls, hidden
        self.heard: list[bytes] = []
        self.port = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(CERTIFICATES / "localhost.pem")

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 mx.test\r\n")
            await self._clear(reader, writer)
            if self.instead_of_tls:
                await reader.read(1)  # the client has begun
                writer.write(self.instead_of_tls)
                rest = await reader.read()
                self.heard += [word for word in (b"AUTH", b"MAIL") if word in rest]
                return
            await writer.start_tls(self.context)
            writer.write(self.hidden)
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(EHLO if line.startswith(b"EHLO") else b"250 ok\r\n")
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _clear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.heard.append(line)
            if line.startswith(b"EHLO"):
                await self.ehlo(writer)
            elif line.startswith(b"STARTTLS"):
                return await self.starttls(writer)
        raise ConnectionResetError

    @property
    def secrets_heard(self) -> list[bytes]:
        """What would have been a login, a letter, or anything else after TLS began."""
        return [line for line in self.heard if not line.startswith((b"EHLO", b"STARTTLS"))]


@asynccontextmanager
async def listening(server: Injected) -> AsyncIterator[Injected]:
    talks = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = talks.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        talks.close()


INJECTIONS = {
    "whole, in the packet of the 220": Injected(at_once(EHLO), at_once(GO + FORGED)),
    "one answer, in the packet of the 220": Injected(at_once(EHLO), at_once(GO + b"250 AUTH PLAIN\r\n")),
    "half an answer, in the packet of the 220": Injected(at_once(EHLO), at_once(GO + b"250-mx.te")),
    "a single byte, in the packet of the 220": Injected(at_once(EHLO), at_once(GO + b"2")),
    "a bare line end, in the packet of the 220": Injected(at_once(EHLO), at_once(GO + b"\r\n")),
    "behind a 220 in two halves": Injected(at_once(EHLO), at_once(GO[:5], GO[5:] + FORGED)),
    "in the packet after the 220": Injected(at_once(EHLO), at_once(GO, FORGED)),
    "half an answer, in the packet after the 220": Injected(at_once(EHLO), at_once(GO, b"250-mx.te")),
    "the 220 itself, before it was asked for": Injected(at_once(EHLO + GO), at_once()),
    "all of it, before STARTTLS was asked for": Injected(at_once(EHLO + GO + FORGED), at_once(GO)),
    "late, in the place of the server's part of TLS": Injected(at_once(EHLO), at_once(GO), FORGED),
    "late, half an answer": Injected(at_once(EHLO), at_once(GO), b"250-mx.te"),
    "late, beginning as TLS does": Injected(at_once(EHLO), at_once(GO), b"\x16\x03\x03\x00\x10" + FORGED),
    "late, an alert of TLS": Injected(at_once(EHLO), at_once(GO), b"\x15\x03\x03\x00\x02\x01\x00" + FORGED),
    "unasked, inside TLS": Injected(at_once(EHLO), at_once(GO), hidden=EHLO + FORGED),
}


@pytest.fixture(autouse=True)
def _trust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))


@pytest.mark.parametrize("name", INJECTIONS)
@in_a_loop
async def test_nothing_that_was_put_in_is_believed(name: str) -> None:
    async with listening(INJECTIONS[name]) as server:
        with pytest.raises(NotOpened) as refused:
            await SmtpTransport(options(server.port, **LOGIN)).open()
        await asyncio.sleep(PAUSE)

    assert server.secrets_heard == []
    outcome = refused.value.outcome
    assert outcome.verdict is Verdict.SERVICE
    assert outcome.phase in {Phase.STARTTLS, Phase.EHLO}
    assert outcome.trouble in {Trouble.GARBAGE, Trouble.LOST, Trouble.TIMEOUT}
    assert outcome.response or refused.value.detail


@in_a_loop
async def test_the_same_server_without_an_injection_would_hear_the_login() -> None:
    """Or the tests above would show nothing."""
    async with listening(Injected(at_once(EHLO), at_once(GO))) as server:
        with pytest.raises(NotOpened):
            await SmtpTransport(options(server.port, **LOGIN)).open()

    assert server.secrets_heard[0].startswith(b"AUTH PLAIN ")


@pytest.mark.usefixtures("transactional_db")
def test_a_run_tells_of_it_in_words_and_keeps_its_letters(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = DJANGO_SMTP
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me", "only ours"
    settings.EMAIL_SECURITY = "starttls"
    settings.SMTP_CONNECT_TIMEOUT = settings.SMTP_REPLY_TIMEOUT = 1.0
    injected = Fault("starttls", "extra", times=0)
    with running(injected, certificate="localhost", user=("me", "only ours")) as server:
        settings.EMAIL_PORT = server.port
        attempt = start([ClientFactory.create()])
        run(attempt)
        said = [line for transcript in server.transcripts for line in transcript]
    attempt = Attempt.objects.get(pk=attempt.pk)
    assert "The mail server answered unintelligibly: “220 2.0.0 go ahead" in attempt.note_text
    assert not any(line.startswith(("AUTH", "MAIL")) for line in said)
    assert attempt.deliveries.get().status == "queued"
    assert not server.accepted
