"""What stands in our own buffer when a line breaks has not left, and does not leave any more: on both event loops."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable

import pytest
import uvloop

from mailing.delivery.smtp import connect
from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transport import End
from mailing.replies import Verdict
from tests.delivery.carrying import Queue, letter, options

GRANTED = b"250 forgotten\r\n250 sender\r\n250 recipient\r\n"
TAKEN = b"250 queued\r\n"
LETTER = ("x" * 70 + "\r\n") * 700  # 50 KB: eight of them do not fit into the network
ROUNDS = 15
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Stubborn:
    """Takes the first letter, then reads nothing until our buffer is full; then says something, and reads it all."""

    def __init__(self, last_words: bytes) -> None:
        self.last_words = last_words
        self.read = b""
        self.is_done = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 here\r\n")
            await reader.readline()
            writer.write(b"250-here\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
            for _ in range(3):
                await reader.readline()
            writer.write(GRANTED)
            size = int((await reader.readline()).split()[1])
            await reader.readexactly(size)
            writer.write(TAKEN)
            await asyncio.sleep(0.05)
            writer.write(self.last_words)
            while data := await reader.read(2**20):
                self.read += data
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self.is_done.set()

    def whole_letters(self) -> set[str]:
        """Recipients of all letters whose last byte has come."""
        whole, rest = set(), self.read
        while found := re.match(rb"RSET\r\nMAIL[^\r]*\r\nRCPT TO:<([^>]*)>\r\nBDAT (\d+) LAST\r\n", rest):
            end = found.end() + int(found[2])
            if len(rest) < end:
                break
            whole.add(found[1].decode())
            rest = rest[end:]
        return whole


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that takes little at once."""
    dial = connect._dial

    async def narrow(given: connect.Options) -> socket.socket:
        connection = await dial(given)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        return connection

    monkeypatch.setattr(connect, "_dial", narrow)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "last_words", [b"HTTP/1.1 400 Bad Request\r\n", b"250-this goes\r\n451 on\r\n"], ids=["garbage", "mixed"]
)
def test_no_letter_that_goes_back_has_arrived(loop: str, last_words: bytes) -> None:
    for _ in range(ROUNDS):
        queue, whole, ending = _play(LOOPS[loop], last_words)

        unconfirmed = {to for to, verdict in queue.verdicts.items() if verdict is Verdict.UNCONFIRMED}
        assert ending is End.LOST
        assert queue.given_back
        assert whole <= unconfirmed
        assert not whole & set(queue.given_back)


def _play(loop: Callable[[], asyncio.AbstractEventLoop], last_words: bytes) -> tuple[Queue, set[str], End]:
    async def play() -> tuple[Queue, set[str], End]:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        listener.bind(("127.0.0.1", 0))
        stubborn = Stubborn(last_words)
        server = await asyncio.start_server(stubborn.talk, sock=listener, limit=2**14)
        queue = Queue([letter(0), *(letter(key, LETTER) for key in range(1, 9))])
        line = await SmtpTransport(options(listener.getsockname()[1], pipeline=8)).open()
        ending = await line.run(queue)
        await line.close()
        await asyncio.wait_for(stubborn.is_done.wait(), 10)
        server.close()
        return queue, stubborn.whole_letters(), ending.end

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(play())
