"""What stands in our own buffer when a line breaks has not left, and does not leave any more: on both event loops.

The worst moment: bad news and room for more bytes arrive together, while our loop looks away.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
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
LETTER = ("x" * 70 + "\r\n") * 280  # 20 KB: some do not fit into the network, and the end of one does
NARROW = 16_384
ROUNDS = 3
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Stubborn(threading.Thread):
    """Takes the first letter, then reads nothing for a while; then says something, and reads whatever comes."""

    def __init__(self, last_words: bytes) -> None:
        super().__init__(daemon=True)
        self.last_words = last_words
        self.read = b""
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()

    def run(self) -> None:
        connection, _ = self.listener.accept()
        with self.listener, connection, connection.makefile("rb") as file, contextlib.suppress(OSError):
            connection.sendall(b"220 here\r\n")
            file.readline()
            connection.sendall(b"250-here\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
            for _ in range(3):
                file.readline()
            connection.sendall(GRANTED)
            file.read(int(file.readline().split()[1]))
            connection.sendall(TAKEN)
            time.sleep(0.2)  # our buffer is full, and our loop looks away
            connection.sendall(self.last_words)
            while data := file.read1(2**16):
                self.read += data

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
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW)
        return connection

    monkeypatch.setattr(connect, "_dial", narrow)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "last_words", [b"HTTP/1.1 400 Bad Request\r\n", b"250-a\r\n451 b\r\n"], ids=["garbage", "mixed"]
)
def test_no_letter_that_goes_back_has_arrived(loop: str, last_words: bytes) -> None:
    for _ in range(ROUNDS):
        queue, whole, ending = _play(LOOPS[loop], last_words)

        unconfirmed = {to for to, verdict in queue.verdicts.items() if verdict is Verdict.UNCONFIRMED}
        assert ending is End.LOST
        assert queue.given_back
        assert unconfirmed
        assert whole <= unconfirmed


def _play(loop: Callable[[], asyncio.AbstractEventLoop], last_words: bytes) -> tuple[Queue, set[str], End]:
    server = Stubborn(last_words)
    server.start()

    async def play() -> tuple[Queue, End]:
        queue = Queue([letter(0), *(letter(key, LETTER) for key in range(1, 9))])
        line = await SmtpTransport(options(server.listener.getsockname()[1], pipeline=8)).open()
        asyncio.get_running_loop().call_later(0.1, time.sleep, 0.3)
        ending = await line.run(queue)
        await line.close()
        return queue, ending.end

    with asyncio.Runner(loop_factory=loop) as runner:
        queue, ending = runner.run(play())
    server.join(10)
    return queue, server.whole_letters(), ending
