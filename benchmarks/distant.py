"""A mail server at a distance: accepts everything, each reply leaves one round trip after its request.

`python -m benchmarks.distant PORT ROUND_TRIP_SECONDS`. Prints "accepted first last" (epoch seconds) ten times a
second while letters arrive, and once more when it is stopped.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time

GREETING = b"220 distant ESMTP\r\n"
EHLO = b"250-distant\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n"
END = b"\r\n.\r\n"


class Counter:
    def __init__(self) -> None:
        self.accepted = 0
        self.printed = -1
        self.first = 0.0
        self.last = 0.0

    def add(self) -> None:
        self.accepted += 1
        self.last = time.time()
        self.first = self.first or self.last

    def print(self) -> None:
        if self.accepted != self.printed:
            self.printed = self.accepted
            sys.stdout.write(f"{self.accepted} {self.first:.3f} {self.last:.3f}\n")
            sys.stdout.flush()


class Session(asyncio.Protocol):
    """One connection. Understands exactly what a correct client says, in any grouping."""

    def __init__(self, counter: Counter, round_trip: float) -> None:
        self.counter = counter
        self.round_trip = round_trip
        self.buffer = b""
        self.in_letter = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.reply(GREETING)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies = []
        while (answer := self.step()) is not None:
            replies.append(answer)
        if replies:
            self.reply(b"".join(replies))

    def step(self) -> bytes | None:
        """The answer to the next whole command or letter in the buffer; None when there is none."""
        if self.in_letter:
            _letter, end, rest = self.buffer.partition(END)
            if not end:
                return None
            self.buffer, self.in_letter = rest, False
            self.counter.add()
            return b"250 2.0.0 Ok\r\n"
        line, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return None
        self.buffer = rest
        return self.answer(line[:4].upper())

    def answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return EHLO
        if verb == b"DATA":
            self.in_letter = True
            return b"354 Go on\r\n"
        return b"221 Bye\r\n" if verb == b"QUIT" else b"250 2.1.0 Ok\r\n"

    def reply(self, data: bytes) -> None:
        if not self.round_trip:
            self.transport.write(data)
            return
        asyncio.get_running_loop().call_later(self.round_trip, self.transport.write, data)


async def serve(port: int, round_trip: float) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    counter = Counter()
    server = await loop.create_server(lambda: Session(counter, round_trip), "127.0.0.1", port)
    while not stopped.is_set():
        counter.print()
        try:
            await asyncio.wait_for(stopped.wait(), 0.1)
        except TimeoutError:
            continue
    server.close()
    counter.print()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
