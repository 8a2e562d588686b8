"""From a host name to a line that is ready for letters: names, TCP, TLS, handshake, each within its time."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections.abc import Awaitable
from functools import cached_property
from typing import Any, TypeVar, cast

from mailing.delivery.detached_thread import run_apart
from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.smtp.connection import Connection
from mailing.delivery.smtp.experience import Experience
from mailing.delivery.smtp.handshake import Step, handshake
from mailing.delivery.smtp.options import Options
from mailing.delivery.smtp.reply_parser import Answer, ReplyParser
from mailing.delivery.transport import NotOpened
from mailing.replies import Phase, Trouble, classify

T = TypeVar("T")
logger = logging.getLogger(__name__)


class SmtpTransport:
    """Our own SMTP engine; see `transport.Transport`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._experience = Experience()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Verifies the certificate and the name with the system's store; `SSL_CERT_FILE` names another."""
        return ssl.create_default_context()

    async def open(self) -> Connection:
        implicit = self._tls if self.options.security == "tls" else None
        protocol = await _within(self.options.connect_timeout, Phase.CONNECT, _connect(self.options, implicit))
        try:
            return await self._introduce(protocol)
        except BaseException:  # also when we are cancelled: no line is left behind
            protocol.transport.abort()
            raise

    async def _introduce(self, protocol: HandshakeProtocol) -> Connection:
        hello = self.options.hello or _address_literal(protocol.transport)
        dialogue = handshake(self.options, hello)
        step = next(dialogue)
        try:
            while True:
                step = dialogue.send(await self._answer(protocol, step))
        except StopIteration as end:
            capabilities: Capabilities = end.value
        if capabilities.chunking:
            await self._experience.known()
        return Connection(self.options, capabilities, protocol.transport, self._experience)

    async def _answer(self, protocol: HandshakeProtocol, step: Step) -> Answer:
        options = self.options
        try:
            if step.secure:
                upgrade = protocol.secure(self._tls, options.host)
                return await _within(options.connect_timeout, step.phase, upgrade)
            return await _within(options.reply_timeout, step.phase, protocol.ask(step.command))
        except Unheard as unheard:
            outcome = classify(step.phase, unheard.trouble, said=unheard.said, secrets=options.secrets)
            raise NotOpened(outcome) from None


async def _within(seconds: float, phase: Phase, doing: Awaitable[T]) -> T:
    """The result of a coroutine, or `NotOpened` with what its failure means."""
    try:
        async with asyncio.timeout(seconds):
            return await doing
    except TimeoutError as error:
        trouble, detail = Trouble.TIMEOUT, str(error) or f"no answer within {seconds:g} s"
    except ssl.SSLCertVerificationError as error:
        trouble, detail = Trouble.CERTIFICATE, error.verify_message or str(error)
    except ssl.SSLError as error:
        trouble, detail = Trouble.GARBAGE, str(error)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that DNS cannot carry
        trouble, detail = Trouble.LOST, str(error)
    logger.warning("Mail server, %s: %s", phase.value, detail)
    raise NotOpened(classify(phase, trouble), detail)


# --- TCP --------------------------------------------------------------------------------------------


async def _connect(options: Options, tls: ssl.SSLContext | None) -> HandshakeProtocol:
    connection = await _dial(options)
    name = options.host if tls else None
    try:
        _, protocol = await asyncio.get_running_loop().create_connection(
            HandshakeProtocol, sock=connection, ssl=tls, server_hostname=name
        )
    except BaseException:  # as above
        connection.close()
        raise
    return protocol


async def _dial(options: Options) -> socket.socket:
    """The first address that answers. Each gets its share of the time: a dead one (IPv6!) must not eat it all."""
    addresses = await _look_up(options.host, options.port)
    for rest in range(len(addresses), 0, -1):
        family, kind, protocol, _, address = addresses[-rest]
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(options.connect_timeout / rest if rest > 1 else None):
                await asyncio.get_running_loop().sock_connect(connection, address)
        except BaseException as error:  # as above
            connection.close()
            if rest == 1 or not isinstance(error, OSError):  # a TimeoutError is an OSError
                raise
        else:
            return connection
    raise OSError(f"{options.host} has no address")


async def _look_up(host: str, port: int) -> list[Any]:
    return await run_apart(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _address_literal(transport: asyncio.Transport) -> str:
    """How a host without a full name introduces itself (RFC 5321 4.1.3)."""
    address = ipaddress.ip_address(transport.get_extra_info("sockname")[0].partition("%")[0])
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


# --- the dialogue before the first letter -------------------------------------------------------------


class Unheard(Exception):
    """Instead of an answer: the line was lost, or `said` is not one."""

    def __init__(self, trouble: Trouble, said: bytes = b"") -> None:
        super().__init__(trouble)
        self.trouble, self.said = trouble, said


class HandshakeProtocol(asyncio.Protocol):
    """One question, one answer, and not a byte beyond it: what comes unasked spoils the line for good.

    So nothing said in the clear can pass for an answer under TLS (CVE-2011-0411).
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = ReplyParser()
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()  # the greeting
        self._spoilt: Unheard | None = None

    async def ask(self, command: bytes) -> Answer:
        if command:
            self._check()
            self._answer = asyncio.get_running_loop().create_future()
            self.transport.write(command)
        return await self._answer

    async def secure(self, tls: ssl.SSLContext, host: str) -> Answer:
        loop = asyncio.get_running_loop()
        self._check()
        upgraded = await loop.start_tls(self.transport, self, tls, server_hostname=host)
        if upgraded is None:
            raise ConnectionAbortedError("the line was lost")
        self.transport = upgraded
        return Answer(220, b"")

    def _check(self) -> None:
        if self._spoilt is not None:
            raise self._spoilt

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        answers = self._parser.feed(data)
        surplus = len(answers) > 1 or (bool(answers) and self._parser.unfinished)
        if self._parser.broken is not None or surplus or self._answer.done():
            self._spoil(Unheard(Trouble.GARBAGE, self._parser.broken or data[:200]))
        elif answers:
            self._answer.set_result(answers[0])

    def connection_lost(self, error: Exception | None) -> None:
        self._spoil(Unheard(Trouble.LOST))

    def _spoil(self, unheard: Unheard) -> None:
        self._spoilt = self._spoilt or unheard
        if not self._answer.done():
            self._answer.set_exception(unheard)
            self._answer.exception()  # seen: nobody may be asking any more
