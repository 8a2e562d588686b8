"""One connection of the misbehaving server: a right SMTP dialogue, with a fault wherever the script has one."""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tests.smtp.script import Fault

if TYPE_CHECKING:
    from tests.smtp.server import Server

ADDRESS = re.compile(r"<([^>]*)>")
WELL_MEANT = frozenset({"several", "delay", "extra"})  # the right reply is among what is said


class Gone(Exception):
    """The connection is over."""


class Conversation:
    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.transcript: list[str] = []
        server.transcripts.append(self.transcript)
        self.mail = False
        self.recipients: list[str] = []
        self.chunks: list[bytes] = []
        self.logged_in = self.secure = False
        self.letters = 0

    async def run(self) -> None:
        self.secure = self.server.implicit_tls
        if not self.server.takes_connection():
            return await self.say("421 4.7.0 mx.test Error: too many connections from 127.0.0.1")
        await self.answer("connect", "220 mx.test ESMTP ready")
        while line := await self.command():
            verb, _, argument = line.partition(" ")
            handler = self.HANDLERS.get(verb.upper())
            if handler is None:
                await self.say("500 5.5.2 unknown command")
            else:
                await handler(self, argument)
        return None

    async def command(self) -> str:
        try:
            async with asyncio.timeout(self.server.idle):
                line = await self.reader.readline()
        except TimeoutError:
            if self.server.idle_says:
                await self.say(self.server.idle_says)
            raise Gone from None
        if not line.endswith(b"\r\n"):
            raise Gone
        self.transcript.append(line[:-2].decode("latin-1"))
        return self.transcript[-1]

    async def say(self, reply: str) -> None:
        self.writer.write(reply.encode() + b"\r\n")
        await self.writer.drain()

    # --- the dialogue -------------------------------------------------------------------------------

    async def ehlo(self, argument: str) -> None:
        words = sorted(self.server.offers - {"AUTH", "STARTTLS", "SIZE"})
        if "SIZE" in self.server.offers:
            words.append(f"SIZE {self.server.size}")
        if self.server.tls and not self.secure:
            words.append("STARTTLS")
        if self.server.user:
            words.append("AUTH " + " ".join(self.server.mechanisms))
        lines = ["mx.test greets you", *words]
        await self.answer("ehlo", "\r\n".join(f"250{'-' if n < len(words) else ' '}{w}" for n, w in enumerate(lines)))

    async def helo(self, argument: str) -> None:
        await self.answer("helo", "250 mx.test")

    async def starttls(self, argument: str) -> None:
        if await self.answer("starttls", "220 2.0.0 go ahead"):
            assert self.server.tls is not None
            await self.writer.start_tls(self.server.tls)
            self.secure = True

    async def auth(self, argument: str) -> None:
        assert self.server.user is not None
        mechanism, _, initial = argument.partition(" ")
        user, password = self.server.user
        if mechanism == "PLAIN":
            right = initial == _b64(f"\0{user}\0{password}")
        elif mechanism == "LOGIN":
            right = [await self.ask("Username:"), await self.ask("Password:")] == [user, password]
        else:
            proof = hmac.new(password.encode(), b"<1.2@mx.test>", "md5").hexdigest()
            right = await self.ask("<1.2@mx.test>") == f"{user} {proof}"
        good = await self.answer("auth", "235 2.7.0 welcome" if right else "535 5.7.8 wrong user or password")
        self.logged_in = good and right

    async def ask(self, challenge: str) -> str:
        await self.say(f"334 {_b64(challenge)}")
        return base64.b64decode(await self.command()).decode()

    async def mail_from(self, argument: str) -> None:
        if self.mail:
            return await self.say("503 5.5.1 nested MAIL command")
        if self.server.user and not self.logged_in:
            return await self.say("530 5.7.0 authentication required")
        if self.server.too_soon("mail"):
            return await self.too_fast()
        self.mail = await self.answer("mail", "250 2.1.0 sender ok")
        return None

    async def rcpt_to(self, argument: str) -> None:
        match = ADDRESS.search(argument)
        if not self.mail or match is None:
            return await self.say("503 5.5.1 need MAIL before RCPT")
        if self.server.too_soon("rcpt"):
            return await self.too_fast()
        if await self.answer("rcpt", "250 2.1.5 recipient ok", match[1]):
            self.recipients.append(match[1])
        return None

    async def data(self, argument: str) -> None:
        if not self.recipients:
            await self.say(self.server.data_without_recipients)
            if self.server.data_without_recipients.startswith("354"):
                await self.body()
                self.forget()
                await self.say("554 5.5.1 no valid recipients")
        elif await self.answer("data", "354 go ahead", self.recipients[0]):
            await self.letter()

    async def letter(self) -> None:
        to = self.recipients[0]
        early = self.server.script.fault("body", to)
        body = await self.body(early)
        if early is not None and early.is_refusal:
            return self.forget()
        await self.take(body, to, "dot")
        return None

    async def take(self, body: bytes, to: str, phase: str) -> None:
        """The whole letter has come; `accept` writes it down before the answer leaves."""
        if self.server.too_soon(phase):
            self.forget()
            await self.too_fast()
            return
        fault = self.server.script.fault(phase, to)
        if fault is None or (not fault.is_refusal and (fault.accept or fault.kind in WELL_MEANT)):
            self.server.accept(self.recipients, body)
        self.forget()
        await self.reply("250 2.0.0 queued", fault)
        self.letters += 1
        if self.letters == self.server.letters_per_connection:
            raise Gone

    async def bdat(self, argument: str) -> None:
        """One chunk. Without a recipient its bytes are read and forgotten (RFC 3030, 2)."""
        size, _, last = argument.partition(" ")
        if "CHUNKING" not in self.server.offers or not size.isdigit() or last not in {"", "LAST"}:
            return await self.say("500 5.5.2 unknown command")
        to = self.recipients[0] if self.recipients else ""
        early = self.server.script.fault("body", to) if to else None
        if early is not None:
            await self.reader.readexactly(min(int(size), 20))
            await self.misbehave(early, "250 early")
            self.chunks.append(await self.reader.readexactly(max(0, int(size) - 20)))
            return self.forget() if early.is_refusal else None
        self.chunks.append(await self.reader.readexactly(int(size)))
        if not to:
            self.forget()
            return await self.answer("chunk", self.server.chunk_without_recipients)
        if not last:
            return await self.answer("chunk", f"250 2.0.0 {size} bytes received", to)
        await self.take(b"".join(self.chunks), to, "chunk")
        return None

    async def too_fast(self) -> None:
        await self.say(self.server.says)
        if self.server.says.startswith("421"):
            raise Gone

    async def body(self, early: Fault | None = None) -> bytes:
        """The letter, unstuffed; `early` happens after its first line."""
        lines: list[bytes] = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line.endswith(b"\n"):
                raise Gone
            if early is not None and not lines:
                await self.misbehave(early, "250 early")
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def forget(self) -> None:
        self.mail, self.recipients, self.chunks = False, [], []

    async def rset(self, argument: str) -> None:
        self.forget()
        await self.answer("rset", "250 2.0.0 forgotten")

    async def noop(self, argument: str) -> None:
        await self.say("250 2.0.0 still here")

    async def quit(self, argument: str) -> None:
        await self.answer("quit", "221 2.0.0 goodbye")
        raise Gone

    HANDLERS: dict[str, Callable[[Conversation, str], Awaitable[None]]] = {
        "EHLO": ehlo,
        "HELO": helo,
        "STARTTLS": starttls,
        "AUTH": auth,
        "MAIL": mail_from,
        "RCPT": rcpt_to,
        "DATA": data,
        "BDAT": bdat,
        "RSET": rset,
        "NOOP": noop,
        "QUIT": quit,
    }

    # --- the faults ---------------------------------------------------------------------------------

    async def answer(self, phase: str, reply: str, to: str = "") -> bool:
        """The right reply, or what the script wants instead. False: it was a refusal."""
        fault = self.server.script.fault(phase, to)
        await self.reply(reply, fault)
        return fault is None or not fault.is_refusal

    async def reply(self, reply: str, fault: Fault | None) -> None:
        if fault is None:
            await self.say(reply)
        elif fault.is_reply:
            await self.say(fault.kind)
            if fault.kind.startswith("421"):
                raise Gone
        else:
            await self.misbehave(fault, reply)

    async def misbehave(self, fault: Fault, reply: str) -> None:
        code = reply[:3]
        if fault.is_reply:  # before its time: in the middle of the body
            await self.say(fault.kind)
            if fault.kind.startswith("421"):
                raise Gone
        elif fault.kind in self.ENDINGS:
            await self.ENDINGS[fault.kind](self, code)
            raise Gone
        elif fault.kind == "delay":
            await asyncio.sleep(self.server.delay)
            await self.say(reply)
        else:
            self.writer.write(_spoilt(fault.kind, code, reply))
            await self.writer.drain()

    async def drop(self, code: str) -> None:
        self.writer.close()

    async def reset(self, code: str) -> None:
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self, code: str) -> None:
        while await self.reader.read(65536):
            pass

    async def trickle(self, code: str) -> None:
        for byte in f"{code} ".encode() + b"x" * 100_000:
            self.writer.write(bytes([byte]))
            await self.writer.drain()
            await asyncio.sleep(self.server.interval)

    async def endless(self, code: str) -> None:
        while True:
            self.writer.write(f"{code}-there is more\r\n".encode() * 500)
            await self.writer.drain()
            await asyncio.sleep(0)

    ENDINGS: dict[str, Callable[[Conversation, str], Awaitable[None]]] = {
        "drop": drop,
        "reset": reset,
        "hang": hang,
        "trickle": trickle,
        "endless": endless,
    }


def _spoilt(kind: str, code: str, reply: str) -> bytes:
    """Bytes sent in place of `reply`."""
    last = reply.rpartition("\r\n")[2]
    wrong = "250" if code == "354" else "354"
    table = {
        "garbage": "HTTP/1.1 400 Bad Request\r\n\r\n",
        "overlong": f"{code} {'x' * 10_000}\r\n",
        "several": f"{reply.replace(f'{code} ', f'{code}-')}\r\n{code}-and\r\n{code} {last[4:]}\r\n",
        "mixed": f"{code}-yes\r\n550 no\r\n",
        "lf": f"{reply}\n",
        "wrong": f"{wrong} what?\r\n",
        "extra": f"{reply}\r\n250 and more\r\n",
    }
    return table[kind].encode()


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
