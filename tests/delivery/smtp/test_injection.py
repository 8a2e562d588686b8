"""Somebody between us and the mail server slips words of their own in before the line is encrypted.

A client that keeps what it has read in the clear takes them for answers of the encrypted server (CVE-2011-0411): told
of another AUTH, or of a letter taken. Here they end the line, before a password or a letter is on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transport import NotOpened
from mailing.replies import Verdict
from tests.delivery.carrying import Queue, deliver, in_a_loop, letters, options
from tests.smtp.server import AUTHORITY, Server

USER, PASSWORD = "me", "correct-horse"
HANDSHAKE = 0x16  # the first byte of TLS


@dataclass
class Between:
    """Passes everything on, and adds `slipped_in` to the answer to STARTTLS: `together` with it, or after it."""

    slipped_in: bytes
    together: bool
    seen: bytearray = field(default_factory=bytearray)  # what we said, as somebody who listens saw it

    async def talk(self, ours: asyncio.StreamReader, to_us: asyncio.StreamWriter, port: int) -> None:
        theirs, to_them = await asyncio.open_connection("127.0.0.1", port)
        asks_for_tls = asyncio.Event()
        try:
            await asyncio.gather(
                self._outward(ours, to_them, asks_for_tls), self._inward(theirs, to_us, asks_for_tls)
            )
        except OSError:
            pass  # one of the two has hung up
        finally:
            to_us.close()
            to_them.close()

    async def _outward(
        self, ours: asyncio.StreamReader, to_them: asyncio.StreamWriter, asks_for_tls: asyncio.Event
    ) -> None:
        while data := await ours.read(65536):
            self.seen += data
            if data.upper().startswith(b"STARTTLS"):
                asks_for_tls.set()
            to_them.write(data)
        to_them.write_eof()

    async def _inward(
        self, theirs: asyncio.StreamReader, to_us: asyncio.StreamWriter, asks_for_tls: asyncio.Event
    ) -> None:
        while data := await theirs.read(65536):
            if asks_for_tls.is_set() and data.startswith(b"220"):
                asks_for_tls.clear()
                to_us.write(data + self.slipped_in if self.together else data)
                await to_us.drain()
                if not self.together:
                    await asyncio.sleep(
                        0.001
                    )  # a packet of its own, which the handshake may or may not have begun before
                    to_us.write(self.slipped_in)
            else:
                to_us.write(data)
        to_us.close()

    @property
    def in_the_clear(self) -> bytes:
        """What we said before the handshake."""
        return bytes(self.seen).partition(bytes([HANDSHAKE, 3]))[0]


@asynccontextmanager
async def somebody_between(port: int, slipped_in: bytes, *, together: bool) -> AsyncIterator[tuple[int, Between]]:
    between = Between(slipped_in, together)
    server = await asyncio.start_server(lambda ours, to_us: between.talk(ours, to_us, port), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], between


@pytest.fixture(autouse=True)
def _trust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))


WORDS = {
    "whole": b"250-mx\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
    "an acceptance": b"250 2.0.0 Ok: queued\r\n" * 5,
    "partial": b"250-mx\r\n250-AUTH PL",
    "one byte": b"2",
    "a line end": b"\r\n",
    "long": b"250-x\r\n" * 10_000,
}


@pytest.mark.parametrize("together", [True, False], ids=["in the packet", "late"])
@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
@in_a_loop
async def test_what_is_slipped_in_before_the_handshake_ends_the_line(words: bytes, together: bool) -> None:
    async with (
        Server(certificate="localhost", user=(USER, PASSWORD)) as server,
        somebody_between(server.port, words, together=together) as (port, between),
    ):
        with pytest.raises(NotOpened) as refused:
            await SmtpTransport(options(port, security="starttls", user=USER, password=PASSWORD)).open()

        assert refused.value.outcome.verdict is Verdict.SERVICE
        assert refused.value.outcome.response or refused.value.detail
        assert [line.split()[0] for line in between.in_the_clear.decode("latin-1").splitlines()] == [
            "EHLO",
            "STARTTLS",
        ]
        assert server.recipients == {}
        assert not any(line.startswith(("AUTH", "MAIL")) for talk in server.transcripts for line in talk)


@in_a_loop
async def test_who_only_listens_changes_nothing_and_sees_no_password() -> None:
    async with (
        Server(certificate="localhost", user=(USER, PASSWORD)) as server,
        somebody_between(server.port, b"", together=True) as (port, between),
    ):
        queue = Queue(letters(3))
        await deliver(SmtpTransport(options(port, security="starttls", user=USER, password=PASSWORD)), queue)

        assert set(queue.verdicts.values()) == {Verdict.SENT}
        assert PASSWORD.encode() not in between.seen
        assert b"MAIL" not in between.in_the_clear
