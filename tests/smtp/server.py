"""A mail server that can be told to misbehave, and that remembers durably what it accepted.

It may run inside the event loop of a test (`async with Server(...)`), in a thread (`running(...)`) or as a process
of its own (`python -m tests.smtp`). One line of JSON per accepted letter is on the disk **before** the 250 leaves:
what the log says was accepted, whatever became of the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.smtp.conversation import Conversation, Gone
from tests.smtp.script import Fault, Faults, Script

EVERYTHING = frozenset({"PIPELINING", "8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"})
CHUNKING = EVERYTHING | {"CHUNKING"}
PLAIN = frozenset({"8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"})
CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"


class AcceptLog:
    """Who got what; survives the server."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self._durable = durable
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def add(self, recipients: list[str], body: bytes) -> None:
        headers = message_from_bytes(body.partition(b"\r\n\r\n")[0], policy=SMTP)
        line = {
            "to": recipients,
            "message_id": str(headers.get("Message-ID", "")),
            "sha": hashlib.sha256(body).hexdigest(),
            "size": len(body),
        }
        os.write(self._file, json.dumps(line).encode() + b"\n")
        if self._durable:
            os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def accepted(path: Path) -> list[dict[str, Any]]:
    """The letters of an accept log, oldest first."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Server:
    """Listens on 127.0.0.1 on a free port. `transcripts` holds the commands of each connection, in order."""

    def __init__(
        self,
        *faults: Fault,
        script: Script | None = None,
        offers: frozenset[str] = EVERYTHING,
        log: Path | None = None,
        user: tuple[str, str] | None = None,
        mechanisms: Sequence[str] = ("PLAIN", "LOGIN", "CRAM-MD5"),
        size: int = 10_000_000,
        certificate: str = "",
        implicit_tls: bool = False,
        idle: float | None = None,
        idle_says: str = "421 4.4.2 idle for too long",
        letters_per_connection: int = 0,
        data_without_recipients: str = "503 5.5.1 no recipients",
        chunk_without_recipients: str = "503 5.5.1 no recipients",
        interval: float = 0.02,
        delay: float = 0.1,
        connections: int = 0,
        letters_per_second: int = 0,
        says_at: str = "mail",
        says: str = "450 4.7.1 Error: too much mail from 127.0.0.1",
        durable: bool = True,
    ) -> None:
        self.script = script or Faults(faults)
        self.offers = offers
        self.user, self.mechanisms = user, mechanisms
        self.size = size
        self.tls = _server_context(certificate) if certificate else None
        self.implicit_tls = implicit_tls
        self.idle, self.idle_says = idle, idle_says
        self.letters_per_connection = letters_per_connection
        self.data_without_recipients = data_without_recipients
        self.chunk_without_recipients = chunk_without_recipients
        self.interval, self.delay = interval, delay
        self.connections = connections  # at the same time; 0: any number
        self.refused_connections = self.most_connections = 0
        self.letters_per_second, self.says_at, self.says = letters_per_second, says_at, says
        self.too_fast = 0  # letters that came too soon
        self.transcripts: list[list[str]] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self._folder = tempfile.TemporaryDirectory(prefix="samovar-smtp-")
        self.log = AcceptLog(log or Path(self._folder.name) / "accepted.jsonl", durable=durable)
        self._second, self._in_second = 0.0, 0
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        tls = self.tls if self.implicit_tls else None
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=tls, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        self.log.close()
        self._folder.cleanup()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            await Conversation(self, reader, writer).run()
        except (Gone, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the other side left, or the test is over
        finally:
            writer.transport.abort()
            self._talks.discard(talk)

    def takes_connection(self) -> bool:
        self.most_connections = max(self.most_connections, len(self._talks))
        if self.connections and len(self._talks) > self.connections:
            self.refused_connections += 1
            return False
        return True

    def too_soon(self, phase: str) -> bool:
        """Whether a letter comes too soon; asked at each step, counted at one."""
        if not self.letters_per_second or phase != self.says_at:
            return False
        now = time.monotonic()
        if now - self._second >= 1:
            self._second, self._in_second = now, 0
        self._in_second += 1
        late = self._in_second > self.letters_per_second
        self.too_fast += late
        return late

    def accept(self, recipients: list[str], body: bytes) -> None:
        self.log.add(recipients, body)
        self.bodies.append(body)

    @property
    def accepted(self) -> list[dict[str, Any]]:
        return accepted(self.log.path)

    @property
    def recipients(self) -> Counter[str]:
        """How many letters each recipient was accepted for."""
        return Counter(to for letter in self.accepted for to in letter["to"])


def _server_context(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.pem")
    return context


@contextlib.contextmanager
def running(*faults: Fault, **settings: Any) -> Iterator[Server]:
    """The server in a thread of its own, for tests that are not asynchronous."""
    server = Server(*faults, **settings)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
